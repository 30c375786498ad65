// The server under strace, which can slow down its system calls, or answer them without doing them.

import { execFileSync } from 'node:child_process'

/** Why there is no strace that can do this, as the reason of a skip; `false` when there is one. */
export function whyNoStrace(): string | false {
  try {
    const [command, ...args] = strace('fdatasync:delay_enter=1')
    execFileSync(command, [...args, 'true'], { stdio: 'pipe' })
    return false
  } catch (error) {
    return `strace cannot be used here: ${error instanceof Error ? error.message.split('\n').join(' ') : error}`
  }
}

/**
 * The beginning of a command that runs under strace; `inject` as in its manual, for the syncs. With a log file, each sync is a line there,
 * with the path of its file. strace is the grandchild (-D): signals to the process that was started reach the server itself.
 */
export function strace(inject: string, log = '/dev/null'): [command: string, ...args: string[]] {
  const calls = 'trace=fdatasync,fsync'
  return ['strace', '-D', '-f', '-q', '-y', '-ttt', '--seccomp-bpf', '-e', calls, '-e', `inject=${inject}`, '-o', log]
}
