// A PostgreSQL of the test's own: Debian's programs, data in a temporary folder that is gone afterwards, a password that nobody else knows.
// It can be stopped, killed and frozen like one that has an accident. Tests that only want a database share one server per process, or the
// one that BERTH_TEST_POSTGRES_URL names (a URL of a user who may create databases).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { freePort } from './free-port.ts'
import { signalTree } from './process-tree.ts'

/** How a server is told to stop: it rolls back what is under way and says goodbye, or it drops everything and recovers at its next start. */
export type StopMode = 'fast' | 'immediate'

const folderName = 'berth-postgres-'

export interface PostgresDatabases {
  /** `postgres://…` of the database that every server has. */
  url: string
  /** Makes a fresh database; gives its URL. */
  createDatabase(): Promise<string>
  dropDatabase(url: string): Promise<void>
}

export interface PostgresServer extends PostgresDatabases {
  port: number
  /** The folder of its socket file. */
  socketFolder: string
  stop(mode: StopMode): Promise<void>
  start(): Promise<void>
  restart(mode: StopMode): Promise<void>
  /** SIGSTOP to all its processes: connections stay open, new ones are accepted by the kernel, and nothing is answered. */
  freeze(): void
  thaw(): void
  /** What it logged so far. */
  log(): string
  /** Stops it and removes everything. */
  close(): Promise<void>
}

/** Why there can be no PostgreSQL server here that a test may stop, or undefined. For node:test's `skip`. */
export function whyNoPostgres(): string | undefined {
  if (!programsFolder()) return 'PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin nor on PATH'
  if (isRoot() && !unprivilegedUser())
    return 'PostgreSQL refuses to run as root, and there is no user postgres or nobody'
  return undefined
}

/** Why there can be no database here, or undefined. */
export function whyNoDatabase(): string | undefined {
  return process.env.BERTH_TEST_POSTGRES_URL ? undefined : whyNoPostgres()
}

let shared: Promise<PostgresDatabases> | undefined

/** The server that all tests of this process share. It ends with the process. */
export function sharedPostgres(): Promise<PostgresDatabases> {
  const url = process.env.BERTH_TEST_POSTGRES_URL
  shared ??= url ? Promise.resolve(databasesOf(url)) : startPostgres()
  return shared
}

/** Starts a server of the test's own. */
export async function startPostgres(): Promise<PostgresServer> {
  const reason = whyNoPostgres()
  const programs = programsFolder()
  if (reason !== undefined || !programs) throw new Error(reason)
  const room = roomyFolder()
  removeLeftBehind(room)
  const folder = mkdtempSync(join(room, `${folderName}${process.pid}-`))
  const [data, socketFolder, passwordFile] = [join(folder, 'data'), join(folder, 'socket'), join(folder, 'password')]
  const password = randomBytes(18).toString('base64url')
  mkdirSync(data, { mode: 0o700 })
  mkdirSync(socketFolder)
  writeFileSync(passwordFile, password, { mode: 0o600 })
  const user = isRoot() ? unprivilegedUser() : undefined
  if (user) for (const path of [folder, data, socketFolder, passwordFile]) chownSync(path, user.uid, user.gid)
  const [setUser = [], port] = [user && runAs(user), await freePort()]
  const run = (program: string, args: string[]): [string, string[]] => {
    const [first = '', ...rest] = [...setUser, join(programs, program), ...args]
    return [first, rest]
  }
  const initdb = run('initdb', [
    ...['--pgdata', data, '--username', 'berth', '--auth', 'scram-sha-256', '--pwfile', passwordFile],
    ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
  ])
  execFileSync(...initdb, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })

  let child: ChildProcess | undefined
  let log = ''
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function start(): Promise<void> {
    if (isRunning()) return
    const arguments_ = ['-D', data, '-k', socketFolder, '-p', String(port), '-c', 'listen_addresses=127.0.0.1']
    const started = spawn(
      ...run('postgres', [...arguments_, '-c', 'max_connections=300', '-c', 'log_min_messages=log']),
      {
        cwd: '/',
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    child = started
    const ready = Promise.withResolvers<void>()
    const begun = log.length
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (log.slice(begun).includes('ready to accept connections')) ready.resolve()
    })
    started.once('exit', (code, signal) => {
      ready.reject(new Error(`PostgreSQL ended with ${code ?? signal}: ${log.slice(begun)}`))
    })
    started.once('error', ready.reject)
    await ready.promise
    // It ends with the process; it does not keep it.
    started.unref()
    if ('unref' in started.stderr && typeof started.stderr.unref === 'function') started.stderr.unref()
  }

  async function stop(mode: StopMode): Promise<void> {
    if (!child || !isRunning()) return
    child.ref()
    const exited = once(child, 'exit')
    thaw()
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await exited
  }

  const signalAll = (signal: 'SIGSTOP' | 'SIGCONT') => {
    if (child?.pid !== undefined && isRunning()) signalTree(child.pid, signal)
  }
  const thaw = () => signalAll('SIGCONT')

  const clear = () => {
    if (child && isRunning()) {
      thaw()
      child.kill('SIGQUIT')
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', clear)
  await start()
  return {
    ...databasesOf(`postgres://berth:${password}@127.0.0.1:${port}/postgres`),
    port,
    socketFolder,
    start,
    stop,
    async restart(mode) {
      await stop(mode)
      await start()
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw,
    log: () => log,
    async close() {
      await stop('immediate')
      process.off('exit', clear)
      clear()
    },
  }
}

function databasesOf(url: string): PostgresDatabases {
  const run = async (statement: string) => {
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    try {
      await sql.unsafe(statement)
    } finally {
      await sql.end({ timeout: 5 })
    }
  }
  return {
    url,
    async createDatabase() {
      const name = `berth_${randomBytes(6).toString('hex')}`
      await run(`create database ${name}`)
      const made = new URL(url)
      made.pathname = `/${name}`
      return made.href
    },
    async dropDatabase(made) {
      await run(`drop database if exists "${new URL(made).pathname.slice(1)}" with (force)`)
    },
  }
}

/** The newest that Debian has, or the one on PATH. */
function programsFolder(): string | undefined {
  const debian = '/usr/lib/postgresql'
  let versions: string[] = []
  try {
    versions = readdirSync(debian).sort((a, b) => Number(b) - Number(a))
  } catch {
    // Not Debian, or not installed.
  }
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  return folders.find((folder) => isProgram(join(folder, 'initdb')) && isProgram(join(folder, 'postgres')))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const isRoot = () => process.getuid?.() === 0

interface User {
  uid: number
  gid: number
}

function unprivilegedUser(): User | undefined {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/** Node's own `uid` for children keeps root's other groups. The server ends with the test process, whatever ends that. */
function runAs({ uid, gid }: User): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--pdeathsig', 'QUIT']
}

/** Memory where there is enough of it: these tests kill processes, not power. */
function roomyFolder(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > 2 * 1024 ** 3) return '/dev/shm'
  } catch {
    // No such folder here.
  }
  return tmpdir()
}

/** What test processes that were killed could not remove. The folder names the process. */
function removeLeftBehind(room: string): void {
  for (const name of readdirSync(room)) {
    const owner = name.startsWith(folderName) ? Number(name.slice(folderName.length).split('-')[0]) : Number.NaN
    if (Number.isNaN(owner) || existsSync(`/proc/${owner}`)) continue
    rmSync(join(room, name), { recursive: true, force: true })
  }
}

/** Waits until the database answers, after an accident. */
export async function untilAnswering(url: string): Promise<void> {
  for (let turn = 0; ; turn++) {
    const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} })
    try {
      await sql`select 1`
      return
    } catch (error) {
      if (turn > 100) throw error
      await sleep(100)
    } finally {
      await sql.end({ timeout: 1 })
    }
  }
}
