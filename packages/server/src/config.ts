// The settings of Berth: one table, from which come the parsed configuration, the flags of the command and their help, and
// `docs/configuration.md`. A flag wins over the environment, which wins over the file. All mistakes are reported together, each with
// the name under which the operator gave the setting. Nothing is accepted that would do nothing: what this version does not serve yet
// is refused unless it says what happens anyway.

import { randomBytes } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { JsonError, readJson } from '@berth/api/json/strict-json.ts'
import { type AccountId, parseAccountId, type Region } from '@berth/api/names/registry.ts'
import { parseKeyRing, tooOpen } from './auth/key-ring.ts'
import { systemErrorCode } from './base/errors.ts'
import { nearest } from './base/nearest.ts'
import {
  type Address,
  addressText,
  isLoopbackHost,
  isWildcardHost,
  list,
  Mistake,
  type Origin,
  oneOf,
  parseAddress,
  parseAddressRanges,
  parseDuration,
  parsePath,
  parseReadableFile,
  parseRegionName,
  parseRegistryHost,
  parseSwitch,
  type RegistryHost,
  readText,
  refuse,
} from './config-values.ts'

export { type Address, addressText, isLoopbackHost, type RegistryHost } from './config-values.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
export type Durability = 'full' | 'relaxed'

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
}

interface Setting<T> {
  /** What stands for the value in help: `<host:port>`; undefined for a switch. */
  placeholder?: string
  /** A value, parsed like any other. */
  default?: string
  /** The default under `--dev`. */
  devDefault?: string
  /** What happens without a value, when that is no value itself. */
  otherwise?: string
  help: string
  /** The setting exists in other versions only: any value but the default is refused. */
  isServed?: false
  /** Never repeated in a message. */
  isSecret?: true
  /** Throws `Mistake`. */
  parse(text: string, origin: Origin): T
}

const setting = <T>(row: Setting<T>): Setting<T> => row

/** A setting with a fixed name whose feature this version lacks; `why` says what it does instead. */
const later = (row: {
  placeholder: string
  default?: string
  otherwise?: string
  help: string
  accepts?: (text: string) => boolean
  why: string
}) => {
  const { accepts, why, ...shown } = row
  return setting<undefined>({
    ...shown,
    isServed: false,
    parse(text) {
      if (accepts ? accepts(text) : text === row.default) return undefined
      throw new Mistake(`asks for what this version does not serve: ${why}`)
    },
  })
}

/** All settings, in the order of help and reference. The keys are the names in the file; flags and variables are made from them. */
export const settings = {
  listen: setting({
    placeholder: 'host:port',
    default: '127.0.0.1:5000',
    help: 'The address to listen on. Port 0 lets the system pick one, which is printed; a port alone is on loopback. Any other address than loopback needs TLS, or BERTH_INSECURE_HTTP=true.',
    parse: parseAddress,
  }),
  dataDir: setting({
    placeholder: 'folder',
    default: './berth-data',
    help: 'The embedded store: database, blobs, keys and the file of credentials. One process at a time.',
    parse: parsePath,
  }),
  accountId: setting({
    placeholder: '12 digits',
    default: '123456789012',
    devDefault: '000000000000',
    help: 'The first account, made at the first start.',
    parse: (text) => parseAccountId(text) ?? refuse(`is "${text}", not an account: twelve digits`),
  }),
  region: setting({ placeholder: 'region', default: 'us-east-1', help: 'The home region.', parse: parseRegionName }),
  regions: setting({
    placeholder: 'region,…',
    otherwise: 'any that is named like a region',
    help: 'The regions served.',
    parse: (text) => list(text).map(parseRegionName),
  }),
  registryHost: setting({
    placeholder: 'template',
    otherwise: '`localhost:<port>` on loopback',
    help: 'The host by which clients reach a registry, over `{account}` and `{region}`: `{account}.dkr.ecr.{region}.example.com`. It makes `repositoryUri` and `proxyEndpoint`; `http://` or `https://` before it says the scheme of the latter, otherwise it is https when Berth itself speaks TLS. Required when listening on every address (0.0.0.0, ::).',
    parse: parseRegistryHost,
  }),
  bootstrapAccessKeyId: setting({
    placeholder: 'id',
    otherwise: 'random',
    help: "The first administrator's access key, used at the first start only: 16 to 128 letters, digits and `_`.",
    parse: (text) => text,
  }),
  bootstrapSecretAccessKey: setting({
    placeholder: 'secret',
    otherwise: 'random',
    help: 'The secret of that key: 32 to 128 characters, and no known example. Arguments are visible to other users of a machine: prefer the variable, or the file.',
    isSecret: true,
    parse: (text) => text,
  }),
  bootstrapSecretAccessKeyFile: setting({
    placeholder: 'file',
    otherwise: 'none',
    help: 'A file that holds the secret of that key.',
    parse(text, origin) {
      const path = parsePath(text, origin)
      return readText(path, origin).trim() || refuse(`names ${path}, which is empty`)
    },
  }),
  masterKey: setting({
    placeholder: 'ring',
    otherwise: '`<data-dir>/master-key`, made at the first start',
    help: 'The key ring that seals secrets and tokens: 32 bytes in base64, or several `id:base64`, newest first. A variable is easier to leak than a file: prefer the file.',
    isSecret: true,
    parse(text) {
      const parsed = parseKeyRing(text)
      if ('mistake' in parsed) throw new Mistake(`is no key ring: ${parsed.mistake}`)
      return text
    },
  }),
  masterKeyFile: setting({
    placeholder: 'file',
    otherwise: 'none',
    help: 'A file that holds the key ring, which only its owner may read (or its group, when it is owned by root).',
    parse: parsePath,
  }),
  tlsCert: setting({
    placeholder: 'file',
    otherwise: 'plain HTTP',
    help: 'The certificate and its chain, PEM.',
    parse: parseReadableFile,
  }),
  tlsKey: setting({
    placeholder: 'file',
    otherwise: 'plain HTTP',
    help: 'The key of the certificate, PEM.',
    parse: parseReadableFile,
  }),
  insecureHttp: setting({
    default: 'false',
    help: 'Serve plain HTTP on other addresses than loopback: for a proxy in front that speaks TLS, or a network that you trust with every password.',
    parse: parseSwitch,
  }),
  trustedProxies: setting({
    placeholder: 'cidr,…',
    otherwise: 'none',
    help: 'Addresses of proxies whose `X-Forwarded-*` headers are believed.',
    parse: parseAddressRanges,
  }),
  metricsListen: setting({
    placeholder: 'host:port',
    otherwise: 'the main listener when it is on loopback, nowhere otherwise',
    help: 'A listener of its own for `/metrics`, in plain HTTP.',
    parse: parseAddress,
  }),
  durability: setting({
    placeholder: 'full|relaxed',
    default: 'full',
    devDefault: 'relaxed',
    help: '`full`: what is answered survives a power cut. `relaxed`: does not wait for the disk; for tests.',
    parse: (text) => oneOf<Durability>(text, ['full', 'relaxed']),
  }),
  uploadTtl: setting({
    placeholder: 'duration',
    default: '12h',
    help: 'How long an upload may be idle before it is removed: 1s to 30d.',
    parse(text) {
      const ms = parseDuration(text)
      return ms >= 1000 && ms <= 30 * 86_400_000 ? ms : refuse(`is ${text}, and must be from 1s to 30d`)
    },
  }),
  logLevel: setting({
    placeholder: 'level',
    default: 'info',
    help: 'The least severity that is logged: fatal, error, warn, info, debug, trace or silent. The log is on standard error, one JSON object a line.',
    parse: (text) => oneOf<LogLevel>(text, ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
  databaseUrl: later({
    placeholder: 'postgres://…',
    otherwise: 'SQLite in the data directory',
    help: 'PostgreSQL, for several nodes.',
    why: 'its only database is SQLite in the data directory',
  }),
  blobStore: later({
    placeholder: 's3://…',
    otherwise: 'files in the data directory',
    help: 'An S3 store for blobs.',
    why: 'blobs are files in the data directory',
  }),
  blobStoreAccessKeyId: later({
    placeholder: 'id',
    otherwise: "the AWS SDK's own chain",
    help: 'The key for the S3 store.',
    why: 'blobs are files in the data directory, and no S3 store is used',
  }),
  blobStoreSecretAccessKey: later({
    placeholder: 'secret',
    otherwise: "the AWS SDK's own chain",
    help: 'The secret of that key.',
    why: 'blobs are files in the data directory, and no S3 store is used',
  }),
  blobRedirect: later({
    placeholder: 'on|off',
    default: 'off',
    help: 'Whether blobs are fetched from the S3 store by presigned links.',
    why: 'it sends all blobs itself',
  }),
  roles: later({
    placeholder: 'role,…',
    default: 'web,worker',
    help: 'What this process does.',
    accepts: (text) => list(text).toSorted().join() === 'web,worker',
    why: 'one process does everything',
  }),
  workers: later({
    placeholder: 'number',
    default: '1',
    help: 'Processes on this machine.',
    why: 'it is one process',
  }),
  blobGrace: later({
    placeholder: 'duration',
    default: '24h',
    help: 'How long a blob that nothing refers to any more is kept.',
    accepts: (text) => parseDuration(text) === 86_400_000,
    why: 'such blobs are not removed yet',
  }),
  tokenSessionBound: later({
    placeholder: 'true|false',
    default: 'false',
    help: 'Whether a docker token ends with the role session behind it.',
    why: 'it has no role sessions yet',
  }),
}

export type SettingKey = keyof typeof settings
type ValueOf<K extends SettingKey> = ReturnType<(typeof settings)[K]['parse']>
type Values = { [K in SettingKey]?: ValueOf<K> }

export const settingKeys = Object.keys(settings) as SettingKey[]

/** `dataDir` → `data-dir`. */
export function flagOf(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `dataDir` → `BERTH_DATA_DIR`. */
export function variableOf(key: string): string {
  return `BERTH_${flagOf(key).replaceAll('-', '_').toUpperCase()}`
}

/** The row of a setting without the type of its value: what help and reference need. */
export function describeSetting(key: SettingKey): Omit<Setting<unknown>, 'parse'> {
  return settings[key]
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
  const bootstrap = bootstrapKey(values, given, isDev, complain)

  // What is undefined here has been complained about.
  const { accountId, durability, uploadTtl, logLevel, insecureHttp, dataDir } = values
  if (
    mistakes.length > 0 ||
    !listen ||
    !accountId ||
    !region ||
    !durability ||
    !uploadTtl ||
    !logLevel ||
    !dataDir ||
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
  })
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
