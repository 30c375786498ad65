// The data directory, and its two files that clients on this machine read: where its server listens, and the first administrator's key.
//
//   <data-dir>/address        the URL of the server that has the store open, while it runs
//   <data-dir>/credentials    AWS shared-credentials format, profile `default`, mode 0600; made at the first start

import { access, constants, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemErrorCode } from './base/errors.ts'

interface DataDir {
  dataDir: string
  /** Where both are given nothing is kept in the folder, and it may not be there. */
  database?: unknown
  blobStore?: unknown
}

/**
 * Makes the folder, closed to others, and those above it, and sees that this user can write there. Throws the system's error.
 * (Node's own `recursive` never returns where a file system, such as /proc, says ENOENT to every new folder.)
 */
export async function makeDataDir(dataDir: string): Promise<void> {
  await makeFolder(dataDir)
  await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
}

async function makeFolder(path: string): Promise<void> {
  const make = () => mkdir(path, { mode: 0o700 })
  try {
    await make()
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolder(dirname(path))
      await make()
    } else if (!(await isFolder(path))) throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined)
  return stats?.isDirectory() ?? false
}

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

export function addressFile({ dataDir }: DataDir): string {
  return join(dataDir, 'address')
}

export function credentialsFile({ dataDir }: DataDir): string {
  return join(dataDir, 'credentials')
}

/** In the form of AWS's shared credentials file. */
export function credentialsText({ accessKeyId, secretAccessKey }: Credentials): string {
  return `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
}

/** Makes the names in a folder durable. Throws the system's error. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/** Says why it could not: the file is a convenience, and a full disk must not keep a registry from serving pulls. */
export async function publishAddress(where: DataDir, url: string): Promise<string | undefined> {
  const path = addressFile(where)
  if (where.database && where.blobStore && !(await isFolder(where.dataDir))) return undefined
  try {
    await writeFile(`${path}.new`, `${url}\n`)
    await rename(`${path}.new`, path)
    return undefined
  } catch (error) {
    await withdrawAddress(where)
    return `The address could not be written to ${path} (${systemErrorCode(error) ?? error}): \`berth env\` will not find it.`
  }
}

export async function withdrawAddress(where: DataDir): Promise<void> {
  const path = addressFile(where)
  for (const file of [path, `${path}.new`]) await rm(file, { force: true }).catch(() => undefined)
}

/** The URL of the server that serves the data directory, or undefined when none does (or it was killed before it could withdraw it). */
export async function runningAddress(where: DataDir): Promise<string | undefined> {
  const text = (await readFile(addressFile(where), 'utf8').catch(() => '')).trim()
  return URL.canParse(text) ? text : undefined
}

/** The first administrator's key, or undefined when the file is not there or holds none. */
export async function readCredentials(where: DataDir): Promise<Credentials | undefined> {
  let text: string
  try {
    text = await readFile(credentialsFile(where), 'utf8')
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
  const read = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1]
  const accessKeyId = read('aws_access_key_id')
  const secretAccessKey = read('aws_secret_access_key')
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined
}
