// The server under strace, which can slow down its system calls, or answer them without doing them.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

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

export interface AttachedStrace extends AsyncDisposable {
  /** How many calls it has changed so far. */
  injected(): number
}

/** Takes hold of a running server, and lets go of it again when disposed. `path` narrows it to one file or folder. */
export async function straceAttached(pid: number, inject: string, path?: string): Promise<AttachedStrace> {
  const narrow = path === undefined ? [] : ['-P', path]
  const args = ['-f', '-p', String(pid), ...narrow, '-e', 'trace=fdatasync,fsync', '-e', `inject=${inject}`]
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'exit')
  // strace names each thread that it has; they come at once.
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let quiet: NodeJS.Timeout | undefined
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
    if (!text.includes('attached')) return
    clearTimeout(quiet)
    quiet = setTimeout(resolve, 200)
  })
  void ended.then(() => reject(new Error('strace ended before it was attached')))
  await promise
  return {
    injected: () => log.split('(INJECTED)').length - 1,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
