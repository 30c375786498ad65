// The command as a process of its own, as an operator runs it.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const script = fileURLToPath(new URL('../bin/berth.mjs', import.meta.url))

/** Saves the tests most of the time of a start. Of this user, and by the version of Node within. */
const compileCache = join(tmpdir(), `berth-cli-compiled-${process.getuid?.() ?? 'user'}`)

export interface RunOptions {
  env?: Record<string, string>
  cwd?: string
  /** The Node to run it with. */
  node?: string
  /** The user to run it as, when this process is root's. */
  uid?: number | undefined
}

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export class Berth {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  stdout = ''
  stderr = ''
  readonly ended: Promise<Outcome>

  constructor(args: readonly string[], options: RunOptions = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:BERTH|AWS|NODE)_/.test(name))
    this.process = spawn(options.node ?? process.execPath, [script, ...args], {
      env: { ...Object.fromEntries(inherited), NODE_COMPILE_CACHE: compileCache, ...options.env },
      cwd: options.cwd,
      uid: options.uid,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = once(this.process, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }))
  }

  /** The URL that it prints, once the whole greeting is there. */
  async listening(timeoutMs = 20_000): Promise<string> {
    for (const endsAt = Date.now() + timeoutMs; Date.now() < endsAt; await sleep(5)) {
      const url = /is listening on (\S+)\n[\s\S]*docker pull \S+\/hello\n$/.exec(this.stdout)?.[1]
      if (url) return url
      if (this.process.exitCode !== null) break
    }
    throw new Error(`it does not listen: ${this.stdout}${this.stderr}`)
  }

  /** What the process has used of the processor so far, in seconds; 0 where there is no /proc. */
  async processorSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.process.pid}/stat`, 'utf8').catch(() => '')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    this.process.kill(signal)
    return this.ended
  }
}

export async function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Berth(args, options).ended
}

/** Killed at the end of the test if it still runs then. */
export function start(t: TestContext, args: readonly string[], options: RunOptions = {}): Berth {
  const berth = new Berth(args, options)
  t.after(async () => {
    berth.process.kill('SIGKILL')
    await berth.ended
  })
  return berth
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}
