// The entry for the command: the life of a server process, from its configuration to its last signal, and the commands that work on a data
// directory without a server. What can go wrong at the start is said in one sentence with a way out; a stack is shown only for a bug.

import { rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { StartError, systemErrorCode } from './base/errors.ts'
import { openLog } from './base/log.ts'
import { version } from './base/version.ts'
import { addressText, type Config, ConfigError, registryHostOf } from './config.ts'
import { type Credentials, credentialsFile, publishAddress, withdrawAddress } from './data-dir-files.ts'
import type { ProgressOutput } from './migrate-store/progress.ts'
import type { TargetSources } from './migrate-store/target.ts'
import type { OfflineStore, Output } from './offline/offline-store.ts'
import { untrustedExitCode } from './processes/messages.ts'
import { createPrimary, type Primary } from './processes/primary.ts'
import { isWorker, joinPrimary } from './processes/worker.ts'
import { createRegistry, initialiseStore, type Registry } from './registry.ts'

export interface CommandIo {
  stdout: Pick<Writable, 'write'>
  stderr: Pick<Writable, 'write'>
}

export interface ServeIo extends CommandIo {
  /** Where signals arrive: `process`. */
  signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  /** Ends the process at once. */
  exit(code: number): void
  /** What a shell is told to run so that AWS clients reach this server: `eval "$(berth env …)"`. */
  environmentCommand: string
}

const stopSignals = ['SIGTERM', 'SIGINT'] as const
const signalNumbers = { SIGTERM: 15, SIGINT: 2 }
/** One Ctrl-C under `npm start` arrives twice: from the terminal, and from npm, which passes on its own. */
const oneSignalMs = 500

/** Serves until SIGTERM or SIGINT, and drains; a second one ends the process at once. The value is the exit code. */
export async function serve(config: Config, io: ServeIo): Promise<number> {
  if (isWorker) return serveAsWorker(config, io)
  const stopped = Promise.withResolvers<void>()
  let firstSignalAt: number | undefined
  const onSignal = (signal: (typeof stopSignals)[number]) => {
    const now = performance.now()
    firstSignalAt ??= now
    stopped.resolve()
    if (now - firstSignalAt > oneSignalMs) io.exit(128 + signalNumbers[signal])
  }
  for (const signal of stopSignals) io.signals.on(signal, onSignal)
  let registry: Registry | undefined
  let primary: Primary | undefined
  let exitCode = 0
  const fail = (error: unknown) => {
    io.stderr.write(describeFailure(error, config))
    exitCode = 1
  }
  try {
    registry = await createRegistry(config)
    if (config.workers > 1) primary = primaryOf(config, registry)
    const { url, port } = await registry.listen(primary)
    await primary?.start(port)
    await registry.startJobs()
    const problem = await publishAddress(config, endpointOf(config, registry, url))
    if (problem !== undefined) io.stderr.write(`${problem}\n`)
    io.stdout.write(greeting(config, registry, url, io.environmentCommand))
    await stopped.promise
    io.stdout.write('Stopping: no new connections; what is under way is finished.\n')
  } catch (error) {
    fail(error)
    // The store is made, even if nobody could be served: the key is shown at no later start.
    if (registry?.firstCredentials && !config.bootstrap) io.stdout.write(firstKey(config, registry.firstCredentials))
  }
  try {
    await primary?.close()
    await registry?.close()
  } catch (error) {
    fail(error)
  }
  if (registry) await withdrawAddress(config)
  if (config.isDataDirTemporary) await rm(config.dataDir, { recursive: true, force: true }).catch(fail)
  for (const signal of stopSignals) io.signals.off(signal, onSignal)
  return exitCode
}

function primaryOf(config: Config, registry: Registry): Primary {
  const { facts, log, turns, snapshot, stop } = registry
  return createPrimary({
    workers: config.workers,
    // They read the same arguments, but a temporary folder has another name each time.
    environment: config.isDataDirTemporary ? { BERTH_DATA_DIR: config.dataDir } : {},
    facts: { ...facts },
    log,
    turns,
    snapshot,
    stop,
  })
}

/** Serves clients for the primary that started this process, until that one asks to finish. */
async function serveAsWorker(config: Config, io: ServeIo): Promise<number> {
  // A terminal sends its signals to all processes; what is to be done, the primary says.
  for (const signal of stopSignals) io.signals.on(signal, () => {})
  const primary = await joinPrimary()
  const log = openLog(config.logLevel)
  let registry: Registry | undefined
  try {
    registry = await createRegistry(
      { ...config, listen: { ...config.listen, port: primary.port } },
      {
        log,
        joins: {
          primary: primary.store,
          isPrimaryAlive: primary.isPrimaryAlive,
          stagingEpoch: primary.facts.stagingEpoch ?? '',
        },
        gather: primary.gather,
        stop(reason) {
          log.log.fatal(reason)
          log.flush()
          io.exit(untrustedExitCode)
        },
      },
    )
    primary.tellReady(registry)
  } catch (error) {
    await primary.tellFailure(error)
    return 1
  }
  await primary.drained
  await registry.close()
  return 0
}

/** Makes the store of a data directory without a server: account, master key, and the first administrator's key, which it prints. */
export async function init(config: Config, io: CommandIo): Promise<number> {
  try {
    const credentials = await initialiseStore(config)
    io.stdout.write(
      `Initialised ${config.dataDir} for account ${config.accountId} in ${config.region}.\n${firstKey(config, credentials)}`,
    )
    return 0
  } catch (error) {
    io.stderr.write(describeFailure(error, config))
    return 1
  }
}

/**
 * Runs a command on a store that this process does not serve: instead of its server where the store is embedded, beside its nodes where
 * that is PostgreSQL. The value is the exit code.
 */
export async function offline(
  config: Config,
  command: (store: OfflineStore, output: Output) => Promise<void>,
  io: CommandIo & Pick<ServeIo, 'exit'>,
): Promise<number> {
  const { openOfflineStore } = await import('./offline/offline-store.ts')
  const log = openLog('warn')
  try {
    const store = await openOfflineStore(config, log, (error) => {
      io.stderr.write(`A sync to the disk failed (${error}). Look at the disk, then run the same command again.\n`)
      io.exit(1)
    })
    try {
      await command(store, { out: (text) => io.stdout.write(text), progress: (text) => io.stderr.write(text) })
    } finally {
      await store.close()
    }
    return 0
  } catch (error) {
    io.stderr.write(describeFailure(error, config))
    return 1
  } finally {
    log.flush()
  }
}

export interface MigrateIo extends CommandIo {
  /** The bar or the lines of its progress. */
  stderr: ProgressOutput
  /** Where signals arrive: `process`. */
  signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  /** Ends the process at once. */
  exit(code: number): void
}

/**
 * Copies a whole store to another place, and leaves the old one. The first signal ends it at a point from which the same command goes on.
 * @throws ConfigError when the options that name the other place have mistakes
 */
export async function migrateStore(config: Config, options: TargetSources, io: MigrateIo): Promise<number> {
  const migration = await import('./migrate-store/migrate-store.ts')
  const { planMove } = await import('./migrate-store/target.ts')
  const move = planMove(config, options)
  const stop = new AbortController()
  let signalled: (typeof stopSignals)[number] | undefined
  let firstSignalAt = 0
  const onSignal = (signal: (typeof stopSignals)[number]) => {
    const now = performance.now()
    if (signalled === undefined) firstSignalAt = now
    else if (now - firstSignalAt > oneSignalMs) io.exit(128 + signalNumbers[signal])
    signalled ??= signal
    stop.abort(new Stopped())
  }
  for (const signal of stopSignals) io.signals.on(signal, onSignal)
  const log = openLog('warn')
  const onFailedSync = (error: unknown) => {
    io.stderr.write(`A sync to the disk failed (${error}). Look at the disk, then run the same command again.\n`)
    io.exit(1)
  }
  try {
    const { wrong, summary } = await migration.migrateStore(config, move, {
      log: log.log,
      output: io.stderr,
      signal: stop.signal,
      onFailedSync,
    })
    io.stdout.write(summary)
    if (wrong.length === 0) return 0
    io.stderr.write(
      `Nothing was switched, since the store holds what can not be copied:\n${wrong.map((line) => `  ${line}\n`).join('')}` +
        'The store is where it was. Push these images again, or remove them, and run the same command again.\n',
    )
    return 1
  } catch (error) {
    if (error instanceof Stopped) {
      io.stderr.write('Stopped. The store is where it was. Run the same command again: it goes on from here.\n')
      return 128 + signalNumbers[signalled ?? 'SIGINT']
    }
    io.stderr.write(describeFailure(error, config))
    return 1
  } finally {
    log.flush()
    for (const signal of stopSignals) io.signals.off(signal, onSignal)
  }
}

/** A signal asked for the end. */
class Stopped extends Error {}

// What it says

function greeting(config: Config, registry: Registry, url: string, environmentCommand: string): string {
  const lines = [`Berth ${version} is listening on ${url}`]
  if (config.isDev) {
    const kept = config.isDataDirTemporary ? 'everything is removed at the end' : `the store is ${config.dataDir}`
    lines.push(`Development mode, for tests only: known keys, no wait for the disk; ${kept}.`)
  }
  for (const sentence of registry.recovered) lines.push(`After the last run: ${sentence}`)
  const first = registry.firstCredentials
  const host = hostOf(config, registry, url)
  return `${lines.join('\n')}
${first ? firstKey(config, first) : ''}
To push and pull, paste:
  ${environmentCommand}
  aws ecr create-repository --repository-name hello
  aws ecr get-login-password | docker login --username AWS --password-stdin ${host}
  docker pull busybox && docker tag busybox ${host}/hello && docker push ${host}/hello
  docker pull ${host}/hello
`
}

/** `<host>[:port]` of the first registry, as its clients name it. */
function hostOf(config: Config, registry: Registry, url: string): string {
  const { template } = registryHostOf(config, portOf(url))
  return template.replaceAll('{account}', registry.accountId).replaceAll('{region}', config.region)
}

/** What AWS clients are pointed at: the listener itself may be every address, or have a name that no certificate covers. */
function endpointOf(config: Config, registry: Registry, url: string): string {
  return config.registryHost ? `${registryHostOf(config, portOf(url)).scheme}://${hostOf(config, registry, url)}` : url
}

/** The first administrator's key. What the operator gave is not repeated: output often ends in a log. */
function firstKey(config: Config, credentials: Credentials): string {
  if (config.bootstrap && !config.isDev) {
    return `The first administrator has the access key that was given: ${credentials.accessKeyId}\n`
  }
  return `
The first administrator's access key, shown this once and kept in ${credentialsFile(config)}:
  access key id      ${credentials.accessKeyId}
  secret access key  ${credentials.secretAccessKey}
`
}

/** One sentence and a way out for what an operator can change; the whole error for everything else. */
export function describeFailure(error: unknown, config?: Config): string {
  if (error instanceof ConfigError) return `${error.message}\n`
  if (error instanceof StartError) return `${sentence(error.message)}\n${sentence(error.hint)}\n`
  const code = systemErrorCode(error)
  if (config?.tls && code !== undefined && /^ERR_(?:OSSL|TLS)_/.test(code) && error instanceof Error) {
    const { certFile, keyFile } = config.tls
    return describeFailure(
      new StartError(
        `TLS cannot be served with the certificate ${certFile} and the key ${keyFile} (${error.message}).`,
        'Give a certificate (with its chain) and the key that belongs to it by --tls-cert and --tls-key, both in PEM.',
      ),
    )
  }
  if (config && code !== undefined && error instanceof Error) {
    const known =
      'syscall' in error && isOfListening(error.syscall)
        ? listenFailure(code, error, config)
        : storeFailure(code, error, config)
    if (known) return describeFailure(known)
  }
  return `Berth failed: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`
}

function sentence(text: string): string {
  const capital = text.replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase())
  return /[.!?]$|^Run: /.test(capital) ? capital : `${capital}.`
}

function isOfListening(syscall: unknown): boolean {
  return syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo'
}

function listenFailure(code: string, error: Error, config: Config): StartError | undefined {
  const port = 'port' in error && typeof error.port === 'number' ? error.port : config.listen.port
  const host = 'address' in error && typeof error.address === 'string' ? error.address : config.listen.host
  const setting = port === config.metricsListen?.port && port !== config.listen.port ? '--metrics-listen' : '--listen'
  const address = addressText({ host, port })
  if (code === 'EADDRINUSE') {
    const airPlay =
      process.platform === 'darwin' && port === 5000
        ? ' On macOS that is the AirPlay Receiver, unless it is switched off.'
        : ''
    return new StartError(
      `${address} is taken by another process.${airPlay}`,
      `Give another port, such as ${setting} ${addressText({ host: config.listen.host, port: port + 1 })}, or port 0 for any free one.`,
    )
  }
  if (code === 'EACCES') {
    return new StartError(
      `${address} may not be listened on by this user.`,
      `Give a port above 1023, such as ${setting} ${addressText({ host: config.listen.host, port: 5000 })}.`,
    )
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new StartError(
      `${address} is not an address of this machine.`,
      `Give one that is, such as ${setting} 127.0.0.1:${port}.`,
    )
  }
  return undefined
}

function storeFailure(code: string, error: Error, config: Config): StartError | undefined {
  const path = 'path' in error && typeof error.path === 'string' ? error.path : config.dataDir
  const reasons: Record<string, string> = {
    EACCES: 'may not be written by this user',
    EPERM: 'may not be written by this user',
    EROFS: 'is on a file system that is read-only',
    ENOTDIR: 'is not a folder, or is below something that is none',
    EEXIST: 'is not a folder',
    ENOENT: 'cannot be made',
    ENOSPC: 'is on a disk that is full',
    EDQUOT: 'is over its quota of disk space',
  }
  const reason = reasons[code]
  if (reason === undefined) return undefined
  return new StartError(
    `${path} ${reason} (${code}).`,
    `Make the data directory ${config.dataDir} a folder that this user can write, or give another by --data-dir.`,
  )
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
