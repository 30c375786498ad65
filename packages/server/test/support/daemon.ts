// The clients that come with a daemon of their own (containerd, dockerd): starts one in the test's folder, waits until it answers, stops it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, type Tool } from './tool.ts'

export interface Daemon {
  log(): string
  stop(): Promise<void>
}

/**
 * Starts `program` and waits until `probe` succeeds. Returns the daemon, or why it does not run on this machine: with what it said, since a
 * sandbox without cgroups or mounts is a reason to skip and not a failure of the registry.
 */
export async function startDaemon(
  program: Tool,
  args: string[],
  probe: { program: Tool; args: string[] },
  timeoutMs = 30_000,
): Promise<Daemon | string> {
  const child = spawn(program.path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const keep = (text: string) => {
    log = (log + text).slice(-200_000)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  const ended = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null
  const until = Date.now() + timeoutMs
  while (Date.now() < until && !ended()) {
    const outcome = await run(probe.program, probe.args, { timeoutMs: 5_000 })
    if (outcome.code === 0) return { log: () => log, stop: () => stop(child) }
    await sleep(200)
  }
  const reason = ended()
    ? `${program.name} ended with ${failure?.message ?? child.exitCode ?? child.signalCode}`
    : `${program.name} did not answer in ${timeoutMs} ms`
  await stop(child)
  return `${reason}: ${lastLines(log)}`
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exited
  clearTimeout(timer)
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ')
}
