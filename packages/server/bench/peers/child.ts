// A server as a process of its own on a free port, its output in a file beside its data.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, requestHead } from '../load/connection.ts'
import { processTree } from '../process-stats.ts'

export const host = '127.0.0.1'

export interface Server {
  startedInMs: number
  pids(): number[]
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

export interface ChildOptions {
  command: string[]
  port: number
  logFile: string
  under?: string[] | undefined
  env?: Record<string, string> | undefined
}

/** Starts the command and waits until `GET /v2/` is answered. */
export async function startServer({ command, port, logFile, under = [], env = {} }: ChildOptions): Promise<Server> {
  const [program, ...args] = [...under, ...command]
  const log = openSync(logFile, 'a')
  const started = performance.now()
  const child = spawn(program as string, args, { env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', log, log] })
  closeSync(log)
  const exited = once(child, 'exit').catch(() => [])
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const root = child.pid ?? 0
  const pids = () => (under.length > 0 ? processTree(root).slice(1) : processTree(root))
  const stop = async () => {
    if (ended()) return
    // A tracer does not pass signals on: the traced server gets them, and its end is the tracer's.
    const target = pids()[0] ?? root
    kill(target, 'SIGTERM')
    const timer = setTimeout(() => kill(target, 'SIGKILL'), 20_000)
    await exited
    clearTimeout(timer)
  }
  while (!(await answers(port))) {
    const failed = ended() || performance.now() - started > 60_000
    if (failed) {
      await stop()
      throw new Error(`${program} does not answer on port ${port}: ${readFileSync(logFile, 'utf8').slice(-2000)}`)
    }
    await sleep(2)
  }
  return { startedInMs: performance.now() - started, pids, stop }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await Connection.open(host, port)
    try {
      await connection.exchange({ head: requestHead('GET', '/v2/', { Host: `${host}:${port}` }) })
      return true
    } finally {
      connection.close()
    }
  } catch {
    return false
  }
}

/** Settings of the caller's own registries and cloud must not reach the servers. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BERTH|AWS|REGISTRY|OLAREG)_/.test(name)))
}
