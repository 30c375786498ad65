// The table of settings: what each is called, what it takes, and what it does. Flags, variables, help and reference come from it.

import { parseAccountId } from '@berth/api/names/registry.ts'
import { parseKeyRing } from './auth/key-ring.ts'
import {
  list,
  Mistake,
  type Origin,
  oneOf,
  parseAddress,
  parseAddressRanges,
  parseBlobStoreUrl,
  parseCertificates,
  parseDatabaseUrl,
  parseDuration,
  parseHostAndPort,
  parsePath,
  parseReadableFile,
  parseRegionName,
  parseRegistryHost,
  parseSwitch,
  readText,
  refuse,
} from './config-values.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
export type Durability = 'full' | 'relaxed'
export type Role = 'web' | 'worker'
export type AuditTarget = 'file' | 'stdout' | 'off'

export interface Setting<T> {
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
    help: 'Addresses of proxies whose `X-Forwarded-*` headers are believed. Proxies only: of several in a chain, the client is the last address that is not listed.',
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
  databaseUrl: setting({
    placeholder: 'postgres://…',
    otherwise: 'SQLite in the data directory',
    help: 'PostgreSQL 13 or newer, for several nodes; the master key must then be given. `postgres://user:password@host:5432/name`, with the options `sslmode` (disable, require, verify-full), `sslrootcert` (a file), `connections` (per process, default 10) and `host` (the folder of a socket). It holds a password: prefer the variable or the file to the flag.',
    isSecret: true,
    parse: parseDatabaseUrl,
  }),
  blobStore: setting({
    placeholder: 's3://…',
    otherwise: 'files in the data directory',
    help: 'An S3 store for blobs: `s3://bucket/prefix?region=eu-west-1&endpoint=https://s3.example.com&pathStyle=true`. Options: `region`, `endpoint`, `pathStyle` (true for most stores that are not AWS), `sse` (AES256 or aws:kms) and `sseKmsKeyId`.',
    parse: parseBlobStoreUrl,
  }),
  blobStoreAccessKeyId: setting({
    placeholder: 'id',
    otherwise: "the AWS SDK's own chain",
    help: 'The key for the S3 store.',
    parse: (text) => text,
  }),
  blobStoreSecretAccessKey: setting({
    placeholder: 'secret',
    otherwise: "the AWS SDK's own chain",
    help: 'The secret of that key.',
    isSecret: true,
    parse: (text) => text,
  }),
  blobRedirect: setting({
    placeholder: 'on|off',
    default: 'off',
    help: '`on`: clients fetch blobs from the S3 store itself, by presigned links; never clients that are known to fail at it, and never where the store has the host that was called or one below it.',
    parse: (text) => oneOf<'on' | 'off'>(text, ['on', 'off']),
  }),
  roles: setting({
    placeholder: 'role,…',
    default: 'web,worker',
    help: 'What this process does: `web` serves clients, `worker` runs jobs. Health and metrics are served either way.',
    parse(text) {
      const roles = list(text).map((role) => oneOf<Role>(role, ['web', 'worker']))
      return roles.length > 0 ? [...new Set(roles)] : refuse('names no role')
    },
  }),
  workers: setting({
    placeholder: 'number',
    otherwise: 'half of the cores, from 1 to 8',
    devDefault: '1',
    help: 'Processes on this machine that serve clients on the one port: 1 to 64.',
    parse(text) {
      const number = /^\d{1,2}$/.test(text) ? Number(text) : 0
      return number >= 1 && number <= 64 ? number : refuse(`is "${text}", not a number from 1 to 64`)
    },
  }),
  oidcCaFile: setting({
    placeholder: 'file',
    otherwise: "Node's own authorities",
    help: 'Authorities, PEM, that vouch for identity providers too (OpenID Connect), beside those that Node knows: for an issuer in a cluster.',
    parse: parseCertificates,
  }),
  oidcAllowedHosts: setting({
    placeholder: 'host,…',
    otherwise: 'none',
    help: 'Hosts of identity providers (OpenID Connect) that may have private addresses: exact names or addresses, with a port if only that one is meant. `kubernetes.default.svc,10.0.0.1:6443`. Keys of all others are fetched from public addresses only.',
    parse: (text) => list(text).map(parseHostAndPort),
  }),
  tokenSessionBound: setting({
    default: 'false',
    help: 'Whether a docker token ends with the role session behind it. Otherwise it lives 12 hours, as in ECR, also when that session is shorter.',
    parse: parseSwitch,
  }),
  auditLog: setting({
    placeholder: 'file|stdout|off',
    default: 'file',
    help: 'Where the audit log goes: `file`, a file for each day in `<data-dir>/audit`; `stdout`, standard output, for what collects it there; `off`, nowhere.',
    parse: (text) => oneOf<AuditTarget>(text, ['file', 'stdout', 'off']),
  }),
  auditRetention: setting({
    placeholder: 'duration',
    default: '90d',
    help: 'How long files of the audit log are kept: 1d to 3650d.',
    parse(text) {
      const ms = parseDuration(text)
      return ms >= 86_400_000 && ms <= 3650 * 86_400_000 ? ms : refuse(`is ${text}, and must be from 1d to 3650d`)
    },
  }),
  auditPulls: setting({
    default: 'false',
    help: 'Whether reads of images are in the audit log too, as data events. The log then grows with every pull.',
    parse: parseSwitch,
  }),
  blobGrace: later({
    placeholder: 'duration',
    default: '24h',
    help: 'How long a blob that nothing refers to any more is kept.',
    accepts: (text) => parseDuration(text) === 86_400_000,
    why: 'such blobs are not removed yet',
  }),
}

export type SettingKey = keyof typeof settings
export type ValueOf<K extends SettingKey> = ReturnType<(typeof settings)[K]['parse']>
/** What the settings that are given say. */
export type Values = { [K in SettingKey]?: ValueOf<K> }

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
