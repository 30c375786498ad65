// The real programs that judge the registry: finds them, and runs them with all that they said kept for the message of a failure.

import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export interface Tool {
  name: string
  /** Where it is, or the bare name when it is missing. */
  path: string
  /** For node:test's `skip`: false, or why the tests of this program cannot run here. Said aloud once. */
  skip: string | false
}

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
  /** Standard output as it came, for comparing bytes. */
  bytes: Buffer
}

export interface RunOptions {
  input?: string | Buffer
  env?: Record<string, string>
  cwd?: string
  /** Two minutes when left out. */
  timeoutMs?: number
}

/** The folder that `.ci/install` fills with programs that Debian does not have. */
export const toolsFolder = join(process.env.BERTH_TOOLS ?? join(homedir(), '.cache', 'berth-tools'), 'bin')

const searchPath = [...(process.env.PATH ?? '').split(delimiter), toolsFolder, '/usr/local/sbin', '/usr/sbin', '/sbin']

/** Looks for a program on PATH and in the tools folder. A missing one is printed, and `skip` says so to the test runner. */
export function tool(name: string): Tool {
  for (const folder of searchPath) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return { name, path, skip: false }
    } catch {
      // Not here; the next folder may have it.
    }
  }
  return { name, path: name, skip: skippedAloud(name, `${name} is not on PATH nor in ${toolsFolder}`) }
}

/** Prints why something cannot be judged on this machine, and returns the reason for node:test's `skip`. */
export function skippedAloud(what: string, reason: string): string {
  console.log(`SKIPPED ${what}: ${reason}`)
  return reason
}

/** Runs a program to its end, whatever the end is. */
export async function run(program: Tool | string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const path = typeof program === 'string' ? program : program.path
  const child = spawn(path, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => out.push(part))
  child.stderr.on('data', (part: Buffer) => err.push(part))
  // A program that ends without reading its input is judged by its exit code, not by our broken pipe.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const timeoutMs = options.timeoutMs ?? 120_000
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    const code = await closed(child)
    const bytes = Buffer.concat(out)
    const stderr = Buffer.concat(err).toString() + (timedOut ? `\n(killed after ${timeoutMs} ms)` : '')
    return { code, stdout: bytes.toString(), stderr, bytes }
  } finally {
    clearTimeout(timer)
  }
}

/** Runs a program that must succeed; throws with its command line and all that it said when it does not. */
export async function succeed(program: Tool | string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(program, args, options)
  if (outcome.code !== 0) throw new Error(report(program, args, outcome, 'should have succeeded'))
  return outcome
}

/** Runs a program that must fail, with `saying` somewhere in what it printed. */
export async function fail(
  program: Tool | string,
  args: string[],
  saying: RegExp,
  options: RunOptions = {},
): Promise<Outcome> {
  const outcome = await run(program, args, options)
  if (outcome.code === 0) throw new Error(report(program, args, outcome, 'should have failed'))
  if (!saying.test(outcome.stderr + outcome.stdout)) {
    throw new Error(report(program, args, outcome, `should have said ${saying}`))
  }
  return outcome
}

function report(program: Tool | string, args: string[], outcome: Outcome, complaint: string): string {
  const name = typeof program === 'string' ? program : program.name
  const line = [name, ...args].map((word) => (word.length > 400 ? `${word.slice(0, 40)}…` : word)).join(' ')
  return `${line}\n${complaint}; it ended with ${outcome.code} and said:\n${tail(outcome.stderr)}\n${tail(outcome.stdout)}`
}

function tail(text: string): string {
  return text.length > 4_000 ? `…${text.slice(-4_000)}` : text
}

async function closed(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', (code) => resolve(code))
  return await promise
}
