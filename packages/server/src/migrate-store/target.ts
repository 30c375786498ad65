// Where a store is to go: the options of `berth migrate-store` beside the settings that say where it is, and what they ask for together.
// Each part is named: a place, or `same` where it stays. Nothing has a default, since a part that is forgotten would be left behind.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ConfigError } from '../config.ts'
import { flagOf, variableOf } from '../config-settings.ts'
import {
  type BlobStoreUrl,
  type DatabaseUrl,
  Mistake,
  type Origin,
  parseBlobStoreUrl,
  parseDatabaseUrl,
  parsePath,
  readText,
  refuse,
} from '../config-values.ts'

type Place = Pick<Config, 'dataDir' | 'durability' | 'database' | 'blobStore'>

export interface Move {
  target: Place
  movesDatabase: boolean
  movesBlobs: boolean
  /** The target in words, without secrets: the same for the same target. */
  description: string
}

interface TargetSetting {
  placeholder: string
  help: string
}

/** The keys make options and variables as those of the settings do: `toDatabase`, `--to-database`, BERTH_TO_DATABASE. */
export const targetSettings = {
  toDatabase: {
    placeholder: 'postgres://…|sqlite|same',
    help: 'Where the database goes: a PostgreSQL, as in --database-url; sqlite in the folder of --to-data-dir; or same: it stays. It holds a password: prefer the variable.',
  },
  toBlobStore: {
    placeholder: 's3://…|files|same',
    help: 'Where the blobs go: an S3 store, as in --blob-store; files in the folder of --to-data-dir; or same: they stay.',
  },
  toDataDir: {
    placeholder: 'folder',
    help: 'For sqlite and files: an empty folder, or the one that the other part stays in.',
  },
  toBlobStoreAccessKeyId: {
    placeholder: 'id',
    help: "The key for the S3 store of --to-blob-store. Default: that of --blob-store if both are at one endpoint, otherwise the AWS SDK's own chain.",
  },
  toBlobStoreSecretAccessKey: {
    placeholder: 'secret',
    help: 'The secret of that key. Arguments are visible to other users of a machine: prefer the variable, or the file.',
  },
  toBlobStoreSecretAccessKeyFile: { placeholder: 'file', help: 'A file that holds the secret of that key.' },
} as const satisfies Record<string, TargetSetting>

export type TargetKey = keyof typeof targetSettings
export const targetKeys = Object.keys(targetSettings) as TargetKey[]

export interface TargetSources {
  flags: Readonly<Record<string, unknown>>
  env: Readonly<Record<string, string | undefined>>
}

/** @throws ConfigError with all mistakes */
export function planMove(source: Config, { flags, env }: TargetSources): Move {
  const mistakes: { setting: string; message: string }[] = []
  const given = new Map<TargetKey, { text: string; origin: Origin }>()
  for (const key of targetKeys) {
    const flag = flags[key]
    const text = typeof flag === 'string' ? flag : env[variableOf(key)] || undefined
    const name = typeof flag === 'string' ? `--${flagOf(key)}` : variableOf(key)
    if (text !== undefined)
      given.set(key, { text, origin: { name, folder: process.cwd(), readFile: (path) => readFileSync(path, 'utf8') } })
  }
  const nameOf = (key: TargetKey) => given.get(key)?.origin.name ?? `--${flagOf(key)}`
  const complain = (key: TargetKey, message: string) => void mistakes.push({ setting: nameOf(key), message })
  const read = <T>(key: TargetKey, parse: (text: string, origin: Origin) => T): T | undefined => {
    const found = given.get(key)
    if (!found) return undefined
    try {
      return parse(found.text, found.origin)
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      complain(key, error.message)
      return undefined
    }
  }

  const database = read('toDatabase', (text, origin): DatabaseUrl | 'sqlite' | 'same' =>
    text === 'sqlite' || text === 'same' ? text : parseDatabaseUrl(text, origin),
  )
  const blobStore = read('toBlobStore', (text): BlobStoreUrl | 'files' | 'same' =>
    text === 'files' || text === 'same' ? text : parseBlobStoreUrl(text),
  )
  const dataDir = read('toDataDir', parsePath)
  const credentials = keyOf()
  if (!given.has('toDatabase'))
    complain('toDatabase', 'is needed: a place, or "same" if the database stays where it is')
  if (!given.has('toBlobStore'))
    complain('toBlobStore', 'is needed: a place, or "same" if the blobs stay where they are')
  const isIntoFolder = database === 'sqlite' || blobStore === 'files'
  if (database === 'same' && blobStore === 'same')
    complain('toDatabase', 'and --to-blob-store are both "same": nothing is to be moved')
  if (isIntoFolder && !given.has('toDataDir'))
    complain('toDataDir', 'is needed for sqlite and files: the folder that they go to')
  if (dataDir !== undefined && database && blobStore) {
    if (!isIntoFolder) complain('toDataDir', 'is for sqlite and files, which are not asked for')
    const isSame = dataDir === source.dataDir
    const stays =
      database === 'same' && !source.database ? 'database' : blobStore === 'same' && !source.blobStore ? 'blobs' : ''
    if (stays && !isSame)
      complain(
        'toDataDir',
        `is not ${source.dataDir}, where the ${stays} would stay: an installation has one data directory`,
      )
    if (isSame && ((database === 'sqlite' && !source.database) || (blobStore === 'files' && !source.blobStore)))
      complain('toDataDir', 'is where the store is now: say "same" for what stays there')
  }
  if (credentials && typeof blobStore !== 'object')
    complain('toBlobStoreAccessKeyId', 'is for an S3 store of --to-blob-store, which is not given')
  if (mistakes.length > 0 || database === undefined || blobStore === undefined) throw new ConfigError(mistakes)

  const target: Place = {
    dataDir: isIntoFolder && dataDir !== undefined ? dataDir : source.dataDir,
    durability: source.durability,
    ...placed('database', database === 'same' ? source.database : database === 'sqlite' ? undefined : database),
    ...placed(
      'blobStore',
      blobStore === 'same' ? source.blobStore : blobStore === 'files' ? undefined : withKey(blobStore),
    ),
  }
  return {
    target,
    movesDatabase: database !== 'same',
    movesBlobs: blobStore !== 'same',
    description: `${databasePlace(target)}, with the blobs in ${blobsPlace(target)}`,
  }

  function keyOf(): { accessKeyId: string; secretAccessKey: string } | undefined {
    const accessKeyId = read('toBlobStoreAccessKeyId', (text) => text)
    const text = read('toBlobStoreSecretAccessKey', (secret) => secret)
    const fromFile = read('toBlobStoreSecretAccessKeyFile', (path, origin) => {
      const file = parsePath(path, origin)
      return readText(file, origin).trim() || refuse(`names ${file}, which is empty`)
    })
    if (text !== undefined && fromFile !== undefined)
      complain('toBlobStoreSecretAccessKey', 'and its file are both given; give one of them')
    const secretAccessKey = text ?? fromFile
    const hasSecret = given.has('toBlobStoreSecretAccessKey') || given.has('toBlobStoreSecretAccessKeyFile')
    if (given.has('toBlobStoreAccessKeyId') !== hasSecret)
      complain('toBlobStoreAccessKeyId', 'needs its other half: the id and the secret are given together')
    return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined
  }

  /** The source's key is shown to nobody but the store that it is for. */
  function withKey(url: BlobStoreUrl): NonNullable<Config['blobStore']> {
    const own =
      source.blobStore && source.blobStore.endpoint === url.endpoint ? source.blobStore.credentials : undefined
    const key = credentials ?? own
    return key ? { ...url, credentials: key } : url
  }
}

function placed<K extends string, T>(key: K, value: T | undefined): { [name in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [name in K]?: T }
}

/** Where the database is, without secrets. */
export function databasePlace({ database, dataDir }: Place): string {
  if (!database) return join(dataDir, 'berth.db')
  return `the PostgreSQL database ${database.database} at ${database.socketFolder ?? database.host}:${database.port}`
}

/** Where the blobs are, without secrets. */
export function blobsPlace({ blobStore, dataDir }: Place): string {
  if (!blobStore) return join(dataDir, 'blobs')
  return `s3://${blobStore.bucket}/${blobStore.prefix}${blobStore.endpoint ? ` at ${blobStore.endpoint}` : ''}`
}
