// The settings of Berth: one table, from which come the parsed configuration, the flags of the command and their help, and
// `docs/configuration.md`. A flag wins over the environment, which wins over the file. All mistakes are reported together, each with
// the name under which the operator gave the setting. Nothing is accepted that would do nothing: what this version does not serve yet
// is refused unless it says what happens anyway.

import { randomBytes } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { JsonError, readJson } from '@berth/api/json/strict-json.ts'
import type { AccountId, Region } from '@berth/api/names/registry.ts'
import { tooOpen } from './auth/key-ring.ts'
import { systemErrorCode } from './base/errors.ts'
import { nearest } from './base/nearest.ts'
import {
  type AuditTarget,
  type Durability,
  describeSetting,
  flagOf,
  type LogLevel,
  type Role,
  type Setting,
  type SettingKey,
  settingKeys,
  settings,
  type ValueOf,
  type Values,
  variableOf,
} from './config-settings.ts'
import {
  type Address,
  addressText,
  type BlobStoreUrl,
  type DatabaseUrl,
  isLoopbackHost,
  isWildcardHost,
  Mistake,
  type Origin,
  type RegistryHost,
  refuse,
} from './config-values.ts'

export {
  type AuditTarget,
  type Durability,
  describeSetting,
  flagOf,
  type LogLevel,
  type Role,
  type SettingKey,
  settingKeys,
  settings,
  variableOf,
} from './config-settings.ts'
export {
  type Address,
  addressText,
  type BlobStoreUrl,
  type DatabaseUrl,
  isLoopbackHost,
  type RegistryHost,
} from './config-values.ts'

export interface Config {
  isDev: boolean
  listen: Address
  isLoopback: boolean
  /** Absolute. */
  dataDir: string
  /** `--dev` without a data directory: made at the start, removed at the end. */
  isDataDirTemporary: boolean
  accountId: AccountId
  region: Region
  /** The regions served; undefined: any that is named like one. Always contains `region`. */
  regions?: readonly Region[]
  /** Undefined: `localhost:<port>` on loopback, `<host>:<port>` elsewhere; see `registryHostOf`. */
  registryHost: RegistryHost | undefined
  /** The first administrator's key, used at the first start only. */
  bootstrap?: { accessKeyId: string; secretAccessKey: string }
  /** The text of `BERTH_MASTER_KEY`; at most one of this and `masterKeyFile` is there. */
  masterKey?: string
  masterKeyFile?: string
  tls?: { certFile: string; keyFile: string }
  isInsecureHttpAllowed: boolean
  trustedProxies: BlockList
  /** Undefined: `/metrics` is on the main listener when that is loopback, and nowhere otherwise. */
  metricsListen?: Address
  durability: Durability
  uploadTtlMs: number
  logLevel: LogLevel
  /** Undefined: SQLite in the data directory. */
  database?: DatabaseUrl
  /** Undefined: files in the data directory. */
  blobStore?: BlobStoreUrl & { credentials?: { accessKeyId: string; secretAccessKey: string } }
  isBlobRedirectOn: boolean
  roles: readonly Role[]
  /** Processes that serve clients. */
  workers: number
  /** How keys of identity providers are fetched: more authorities (PEM), and the hosts that may have private addresses. */
  oidc: { ca?: string; allowedHosts: readonly string[] }
  /** A docker token ends with the role session behind it. */
  isTokenSessionBound: boolean
  audit: { target: AuditTarget; retentionMs: number; includesPulls: boolean }
}

export interface ConfigSources {
  /** By key: `dataDir`. A switch that is given without a value is `true`. `config` and `dev` belong here too. */
  flags?: Readonly<Record<string, string | boolean | undefined>>
  env?: Readonly<Record<string, string | undefined>>
  /** The content of a settings file that is read already; otherwise `--config` or `BERTH_CONFIG` names one. */
  file?: Readonly<Record<string, unknown>>
  /** Where relative paths of flags and variables start. */
  folder?: string
}

/** Everything that is wrong with the configuration. */
export class ConfigError extends Error {
  readonly mistakes: readonly { setting: string; message: string }[]

  constructor(mistakes: readonly { setting: string; message: string }[]) {
    const lines = mistakes.map(({ setting, message }) => `  ${setting} ${message}.`)
    super(
      [
        mistakes.length === 1
          ? 'The configuration has a mistake:'
          : `The configuration has ${mistakes.length} mistakes:`,
        ...lines,
      ].join('\n'),
    )
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}

/** The frozen configuration. Throws one `ConfigError` with all mistakes. */
export function parseConfig(sources: ConfigSources): Config {
  const mistakes: { setting: string; message: string }[] = []
  const given = collect(sources, mistakes)
  const isDev = sources.flags?.dev === true
  /** The name to complain about: as the operator gave it, or the variable that could be given. */
  const named = (key: SettingKey) => given.get(key)?.origin.name ?? variableOf(key)
  const complain = (key: SettingKey, message: string) => mistakes.push({ setting: named(key), message })

  const values: Values = {}
  const read = <K extends SettingKey>(key: K) => {
    const row = settings[key] as unknown as Setting<ValueOf<K>>
    const fallback = isDev ? (row.devDefault ?? row.default) : row.default
    const found =
      given.get(key) ??
      (fallback === undefined ? undefined : { text: fallback, origin: originOf(sources, variableOf(key)) })
    if (!found) return
    try {
      values[key] = row.parse(found.text, found.origin) as Values[K]
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      complain(key, error.message)
    }
  }
  for (const key of settingKeys) read(key)

  const { listen, regions, region, registryHost, tlsCert, tlsKey } = values
  const isLoopback = listen !== undefined && isLoopbackHost(listen.host)
  if (listen && !isLoopback) {
    const address = addressText(listen)
    if (isDev) complain('listen', `is ${address}, but --dev is for loopback only`)
    else if (!given.has('tlsCert') && !given.has('tlsKey') && values.insecureHttp === false) {
      complain(
        'listen',
        `is ${address}, which other machines may reach: give BERTH_TLS_CERT and BERTH_TLS_KEY, or BERTH_INSECURE_HTTP=true if a proxy in front speaks TLS`,
      )
    }
    if (isWildcardHost(listen.host) && !given.has('registryHost')) {
      mistakes.push({
        setting: variableOf('registryHost'),
        message: `is needed when listening on every address (${address}): the host by which clients reach this registry, such as registry.example.com or {account}.dkr.ecr.{region}.example.com`,
      })
    }
  }
  const { metricsListen } = values
  if (
    listen &&
    metricsListen &&
    listen.port !== 0 &&
    listen.port === metricsListen.port &&
    listen.host === metricsListen.host
  ) {
    complain('metricsListen', 'is the address of the main listener; leave it unset, or give another')
  }
  if (region && regions && !regions.includes(region)) complain('regions', `does not contain the home region, ${region}`)
  if (given.has('tlsCert') !== given.has('tlsKey')) {
    complain(
      given.has('tlsCert') ? 'tlsCert' : 'tlsKey',
      'needs its other half: the certificate (BERTH_TLS_CERT) and its key (BERTH_TLS_KEY) are given together',
    )
  }
  if (given.has('masterKey') && given.has('masterKeyFile')) {
    complain('masterKey', `and ${named('masterKeyFile')} are both given; give one of them`)
  }
  if (given.has('databaseUrl') && !isDev && !given.has('masterKey') && !given.has('masterKeyFile')) {
    complain('databaseUrl', 'needs the master key that all nodes share: give BERTH_MASTER_KEY or BERTH_MASTER_KEY_FILE')
  }
  const storeKeys = ['blobStoreAccessKeyId', 'blobStoreSecretAccessKey'] as const
  for (const key of storeKeys) {
    if (given.has(key) && !given.has('blobStore'))
      complain(key, 'is for the S3 store of BERTH_BLOB_STORE, which is not given')
    else if (given.has(key) && !storeKeys.every((half) => given.has(half)))
      complain(key, 'needs its other half: the id and the secret are given together')
  }
  if (values.blobRedirect === 'on' && !given.has('blobStore')) {
    complain('blobRedirect', 'is on, but only blobs in an S3 store (BERTH_BLOB_STORE) can be fetched elsewhere')
  }
  const bootstrap = bootstrapKey(values, given, isDev, complain)
  const audit = auditOf(values)

  // What is undefined here has been complained about.
  const { accountId, durability, uploadTtl, logLevel, insecureHttp, dataDir, roles } = values
  if (
    mistakes.length > 0 ||
    !listen ||
    !accountId ||
    !region ||
    !durability ||
    !uploadTtl ||
    !logLevel ||
    !dataDir ||
    !roles ||
    !audit ||
    insecureHttp === undefined
  ) {
    throw new ConfigError(mistakes)
  }
  const isDataDirTemporary = isDev && !given.has('dataDir')
  return deepFreeze({
    isDev,
    listen,
    isLoopback,
    dataDir: isDataDirTemporary ? join(tmpdir(), `berth-dev-${randomBytes(6).toString('hex')}`) : dataDir,
    isDataDirTemporary,
    accountId,
    region,
    ...(regions ? { regions } : {}),
    registryHost,
    ...(bootstrap ? { bootstrap } : {}),
    ...(values.masterKey === undefined ? {} : { masterKey: values.masterKey }),
    ...(values.masterKeyFile === undefined ? {} : { masterKeyFile: values.masterKeyFile }),
    ...(tlsCert && tlsKey ? { tls: { certFile: tlsCert, keyFile: tlsKey } } : {}),
    isInsecureHttpAllowed: insecureHttp,
    trustedProxies: values.trustedProxies ?? new BlockList(),
    ...(metricsListen ? { metricsListen } : {}),
    durability,
    uploadTtlMs: uploadTtl,
    logLevel,
    ...(values.databaseUrl ? { database: values.databaseUrl } : {}),
    ...(values.blobStore ? { blobStore: blobStoreOf(values.blobStore, values) } : {}),
    isBlobRedirectOn: values.blobRedirect === 'on',
    roles,
    workers: values.workers ?? Math.min(8, Math.max(1, Math.floor(availableParallelism() / 2))),
    oidc: { ...(values.oidcCaFile ? { ca: values.oidcCaFile } : {}), allowedHosts: values.oidcAllowedHosts ?? [] },
    isTokenSessionBound: values.tokenSessionBound === true,
    audit,
  })
}

function auditOf({ auditLog, auditRetention, auditPulls }: Values): Config['audit'] | undefined {
  if (auditLog === undefined || auditRetention === undefined || auditPulls === undefined) return undefined
  return { target: auditLog, retentionMs: auditRetention, includesPulls: auditPulls }
}

function blobStoreOf(url: BlobStoreUrl, values: Values): NonNullable<Config['blobStore']> {
  const { blobStoreAccessKeyId: accessKeyId, blobStoreSecretAccessKey: secretAccessKey } = values
  return accessKeyId && secretAccessKey ? { ...url, credentials: { accessKeyId, secretAccessKey } } : url
}

/** The host template in force once the port is known. */
export function registryHostOf(config: Config, port: number): Required<RegistryHost> {
  const scheme = config.registryHost?.scheme ?? (config.tls ? 'https' : 'http')
  if (config.registryHost) return { template: config.registryHost.template, scheme }
  return { template: addressText({ host: config.isLoopback ? 'localhost' : config.listen.host, port }), scheme }
}

// Where values come from

type Given = Map<SettingKey, { text: string; origin: Origin }>

function originOf(sources: ConfigSources, name: string, folder = sources.folder ?? process.cwd()): Origin {
  return { name, folder, readFile: (path) => readFileSync(path, 'utf8') }
}

/** The text of every setting that is given, from the strongest source that gives it; what no source may hold is complained about. */
function collect(sources: ConfigSources, mistakes: { setting: string; message: string }[]): Given {
  const given: Given = new Map()
  const unknown = (name: string, near: string | undefined) =>
    mistakes.push({ setting: name, message: `is not a setting${near === undefined ? '' : `; the nearest is ${near}`}` })
  const add = (key: string, value: unknown, origin: Origin, spell: (key: string) => string) => {
    if (!isSettingKey(key)) {
      const near = nearest(key, settingKeys)
      unknown(origin.name, near && spell(near))
      return
    }
    const text = Array.isArray(value) ? value.join(',') : value
    if (typeof text !== 'string' && typeof text !== 'number' && typeof text !== 'boolean') {
      mistakes.push({ setting: origin.name, message: 'is neither a text, a number, true, false, nor a list of texts' })
    } else if (text === '') mistakes.push({ setting: origin.name, message: 'is empty' })
    else if (!given.has(key)) given.set(key, { text: String(text), origin })
  }

  for (const [key, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined || key === 'config' || key === 'dev') continue
    add(key, value, originOf(sources, `--${flagOf(key)}`), (near) => `--${flagOf(near)}`)
  }

  const keyOfVariable = new Map(settingKeys.map((key) => [variableOf(key), key]))
  for (const [name, value] of Object.entries(sources.env ?? {})) {
    // An empty variable is an unset one: that is what compose files make of `${BERTH_X:-}`.
    if (!name.startsWith('BERTH_') || !value || name === 'BERTH_CONFIG' || isForeignVariable(name, value)) continue
    const key = keyOfVariable.get(name)
    if (key) add(key, value, originOf(sources, name), variableOf)
    else
      unknown(name, name === 'BERTH_DEV' ? 'the flag --dev' : nearest(name, [...keyOfVariable.keys(), 'BERTH_CONFIG']))
  }

  const path = sources.flags?.config ?? sources.env?.BERTH_CONFIG
  const name = sources.flags?.config === undefined ? 'BERTH_CONFIG' : '--config'
  if (path === '' && sources.flags?.config === '') mistakes.push({ setting: name, message: 'is empty' })
  if (sources.file) addFile(sources.file, 'the settings file', undefined)
  else if (typeof path === 'string' && path !== '') {
    const absolute = resolve(sources.folder ?? process.cwd(), path)
    try {
      addFile(readSettingsFile(absolute), absolute, dirname(absolute))
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      mistakes.push({ setting: name, message: `names ${absolute}, which ${error.message}` })
    }
  }
  return given

  function addFile(content: object, where: string, folder: string | undefined) {
    for (const [key, value] of Object.entries(content))
      add(key, value, originOf(sources, `"${key}" in ${where}`, folder), (near) => `"${near}"`)
  }
}

/** The object of a settings file. One that holds secrets may not be open to others. */
function readSettingsFile(path: string): object {
  let content: unknown
  let stats: Stats
  try {
    stats = statSync(path)
    content = readJson(readFileSync(path))
  } catch (error) {
    if (error instanceof JsonError) return refuse(`is not a JSON file: ${error.message}`)
    return refuse(`cannot be read (${systemErrorCode(error) ?? error})`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    return refuse('does not hold a JSON object')
  const secrets = Object.keys(content).filter((key) => isSettingKey(key) && describeSetting(key).isSecret)
  const reason = secrets.length > 0 ? tooOpen(stats) : undefined
  return reason === undefined
    ? content
    : refuse(`holds secrets (${secrets.join(', ')}) and ${reason}; run: chmod 600 '${path}'`)
}

function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settings, key)
}

/**
 * Variables that begin with `BERTH_` but are not the operator's: those of our tests, and those that Kubernetes puts into every pod of a
 * namespace that has a Service named `berth` or `berth-…` (`BERTH_SERVICE_HOST=10.0.0.1`, `BERTH_PORT=tcp://10.0.0.1:5000`).
 */
function isForeignVariable(name: string, value: string): boolean {
  if (name.startsWith('BERTH_TEST_') || /_PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)$/.test(name)) return true
  if (/_SERVICE_HOST$/.test(name)) return isIP(value) !== 0
  if (/_SERVICE_PORT(?:_\w+)?$/.test(name)) return /^\d+$/.test(value)
  return /_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value)
}

/** The key of the first administrator: never one that somebody could guess, since it may do everything. */
function bootstrapKey(
  values: Values,
  given: Given,
  isDev: boolean,
  complain: (key: SettingKey, message: string) => void,
): Config['bootstrap'] {
  const secretKey = given.has('bootstrapSecretAccessKey') ? 'bootstrapSecretAccessKey' : 'bootstrapSecretAccessKeyFile'
  if (given.has('bootstrapSecretAccessKey') && given.has('bootstrapSecretAccessKeyFile')) {
    complain('bootstrapSecretAccessKey', 'and its file are both given; give one of them')
    return undefined
  }
  const hasId = given.has('bootstrapAccessKeyId')
  const hasSecret = given.has(secretKey)
  if (!hasId && !hasSecret) return isDev ? { accessKeyId: 'test', secretAccessKey: 'test' } : undefined
  if (hasId !== hasSecret) {
    const missing = hasId ? 'BERTH_BOOTSTRAP_SECRET_ACCESS_KEY, or its file' : 'BERTH_BOOTSTRAP_ACCESS_KEY_ID'
    complain(hasId ? 'bootstrapAccessKeyId' : secretKey, `needs its other half: ${missing}`)
    return undefined
  }
  const accessKeyId = values.bootstrapAccessKeyId
  const secretAccessKey = values[secretKey]
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  if (isDev) return { accessKeyId, secretAccessKey }
  if (!/^\w{16,128}$/.test(accessKeyId))
    complain('bootstrapAccessKeyId', 'is not made of 16 to 128 letters, digits and "_"')
  else if (isKnownExample(accessKeyId))
    complain('bootstrapAccessKeyId', 'is a known example, which anybody would try first')
  if (!/^[\x21-\x7e]{32,128}$/.test(secretAccessKey)) {
    complain(
      secretKey,
      'is not 32 to 128 characters of ASCII without spaces; `openssl rand -base64 30` makes a good one',
    )
  } else if (isKnownExample(secretAccessKey) || new Set(secretAccessKey).size < 8) {
    complain(secretKey, 'is a known example or easily guessed; `openssl rand -base64 30` makes a good one')
  }
  return { accessKeyId, secretAccessKey }
}

/** Keys of documentation and of other products' defaults, also when repeated to reach the length. */
function isKnownExample(text: string): boolean {
  const lower = text.toLowerCase()
  if (/example(?:key)?$/.test(lower)) return true
  const words = [
    'test',
    'admin',
    'minioadmin',
    'password',
    'secret',
    'changeme',
    'harbor12345',
    'localstack',
    'lkiaqaaaaaaaaaaaaaaa',
    'berth',
  ]
  return words.some((word) => lower.replaceAll(word, '') === '')
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !(inner instanceof BlockList)) deepFreeze(inner)
  }
  return Object.freeze(value)
}
