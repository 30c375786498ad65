// A new access key on its way to its holder: shown once, or written to a file that is closed to others and was not there before.

import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StartError, systemErrorCode } from '../base/errors.ts'
import { type Credentials, credentialsText, syncFolder } from '../data-dir-files.ts'
import type { Output } from './offline-store.ts'

/**
 * Runs `make` with a place for the key that it makes. What is said of it comes when all is done; when `make` throws, the file is gone again.
 * @throws StartError when the file is there already or can not be written, before anything is made
 */
export async function handOver(
  credentialsFile: string | undefined,
  { out }: Output,
  make: (keep: (credentials: Credentials) => Promise<void>) => Promise<{ sentence: string; credentials: Credentials }>,
): Promise<void> {
  if (credentialsFile === undefined) {
    const { sentence, credentials } = await make(async () => {})
    out(
      `${sentence}, shown this once:\n` +
        `  access key id      ${credentials.accessKeyId}\n  secret access key  ${credentials.secretAccessKey}\n`,
    )
    return
  }
  const path = resolve(credentialsFile)
  const file = await openNew(path)
  try {
    const { sentence, credentials } = await make((made) => write(file, path, made))
    out(`${sentence} ${credentials.accessKeyId}. It is in ${path}.\n`)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === undefined) throw error
    if (code === 'EEXIST')
      throw new StartError(`${path} is there already, and is not overwritten`, 'Give a file that is not there yet.')
    throw unwritable(path, code, error)
  }
}

async function write(file: FileHandle, path: string, credentials: Credentials): Promise<void> {
  try {
    await file.writeFile(credentialsText(credentials))
    await file.sync()
    await syncFolder(dirname(path))
  } catch (error) {
    throw unwritable(path, systemErrorCode(error), error)
  }
}

function unwritable(path: string, code: string | undefined, cause: unknown): StartError {
  return new StartError(
    `${path} can not be written (${code ?? cause})`,
    'Give a file in a folder that this user can write.',
    {
      cause,
    },
  )
}
