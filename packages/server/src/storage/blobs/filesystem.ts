// Blobs as files of the data directory:
//
//   uploads/<name>             bytes of an upload in progress; never synced, its row says how many of them count
//   blobs/<yyyymmdd>/<name>    bytes of a blob, in the folder of the day when the upload began: the storage key is `<yyyymmdd>/<name>`
//   blob-store-owner           whose they are
//   probe                      what /readyz writes and reads
//
// The name is the upload's id; an upload that was taken over goes on in a copy, `<upload id>.<suffix>`, since the process that had it may
// still write to the file that it has open.
//
// A blob becomes durable in this order (docs/design/store.md): bytes, rename, fdatasync of the file and fsync of the folder at once, then,
// by the caller, the transaction that makes it visible: a name alone makes no blob. All promotions of a day share one folder, so they share
// its syncs.

import { randomBytes, randomUUID } from 'node:crypto'
import {
  constants,
  copyFile,
  type FileHandle,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { RegistryError, systemErrorCode } from '../../base/errors.ts'
import { Semaphore } from '../../base/semaphore.ts'
import { SyncGroup } from '../metadata/sync-group.ts'
import type { BlobReader, BlobStore, StagedUpload, Staging, StrayStaging } from './blob-store.ts'

const groupSize = 256
/** While an upload goes on, its bytes are pushed to the disk in steps, so that the sync at the end is short. */
const writebackBytes = 64 * 1024 * 1024

export interface FilesystemOptions {
  dataDir: string
  durability: 'full' | 'relaxed'
  clock: Clock
  /** How many file syncs may run at once: fewer than the threads of the pool, so that reads find one. */
  concurrentSyncs: number
  onFailedSync: (error: unknown) => void
  /** One for all processes that work on the folder; a new one at each start of the first. */
  stagingEpoch?: string
}

export async function openFilesystem(options: FilesystemOptions): Promise<BlobStore> {
  await mkdir(join(options.dataDir, 'uploads'), { recursive: true })
  await mkdir(join(options.dataDir, 'blobs'), { recursive: true })
  const store = new FilesystemStore(options)
  await store.syncFolder(options.dataDir)
  return store
}

class FileStaging implements Staging {
  readonly #store: FilesystemStore
  readonly #file: FileHandle
  readonly #place: Place
  size: number
  #isPromoted = false
  #isClosed = false
  #unsynced = 0
  #writeback: Promise<void> | undefined
  /** The kernel reports a lost page once: a sync that failed on the way must not be forgotten when a later one succeeds. */
  #failure: unknown

  constructor(store: FilesystemStore, file: FileHandle, place: Place, size: number) {
    this.#store = store
    this.#file = file
    this.#place = place
    this.size = size
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    let pending = chunks.filter((chunk) => chunk.byteLength > 0)
    while (pending.length > 0) {
      const { bytesWritten } = await this.#file.writev(pending, this.size).catch(refuseWhenFull)
      this.size += bytesWritten
      this.#unsynced += bytesWritten
      pending = after(pending, bytesWritten)
    }
    if (this.#unsynced >= writebackBytes && !this.#writeback) {
      this.#unsynced = 0
      this.#writeback = this.#store
        .syncFile(this.#file)
        .catch((error) => {
          this.#failure = error
        })
        .finally(() => {
          this.#writeback = undefined
        })
    }
  }

  async checkpoint(): Promise<string> {
    return this.#place.name
  }

  async promote(): Promise<string> {
    const storageKey = `${this.#place.day}/${this.#place.name}`
    if (this.#isPromoted) return storageKey
    await this.#writeback
    await this.#store.promote(this.#file, this.#place, this.#failure)
    this.#isPromoted = true
    await this.close()
    return storageKey
  }

  async remove(): Promise<void> {
    await this.close()
    await this.#store.removeName(this.#place)
  }

  async close(): Promise<void> {
    await this.#writeback
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#file.close()
  }
}

function after(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let rest = written
  return chunks.flatMap((chunk) => {
    const skipped = Math.min(rest, chunk.byteLength)
    rest -= skipped
    return skipped === chunk.byteLength ? [] : [chunk.subarray(skipped)]
  })
}

/** Where the bytes of an upload are, or will be. */
interface Place {
  name: string
  day: string
}

function placeOf({ uploadId, createdAt, state }: Pick<StagedUpload, 'uploadId' | 'createdAt' | 'state'>): Place {
  return { name: state ?? uploadId, day: new Date(createdAt).toISOString().slice(0, 10).replaceAll('-', '') }
}

class FilesystemStore implements BlobStore {
  readonly stagingEpoch: string
  readonly stagingsAtMost = 1000
  readonly #options: FilesystemOptions
  readonly #folders = new Map<string, SyncGroup>()
  readonly #slots: Semaphore
  #fileSyncs = 0

  constructor(options: FilesystemOptions) {
    this.#options = options
    this.#slots = new Semaphore(options.concurrentSyncs)
    this.stagingEpoch = options.stagingEpoch ?? randomUUID()
  }

  async openStaging(upload: StagedUpload): Promise<Staging> {
    const before = placeOf(upload)
    const place = upload.isTakenOver
      ? { ...before, name: `${upload.uploadId}.${randomBytes(4).toString('hex')}` }
      : before
    if (upload.isTakenOver) await this.#copy(before, place)
    else if (upload.size > 0) await this.#takeBack(place)
    const file = await open(this.#stagingPath(place), constants.O_RDWR | constants.O_CREAT, 0o600).catch(refuseWhenFull)
    const { size: length } = await file.stat()
    const kept = Math.min(length, upload.size)
    if (length > kept) await file.truncate(kept)
    return new FileStaging(this, file, place, kept)
  }

  async removeStaging(upload: Omit<StagedUpload, 'isTakenOver'>): Promise<void> {
    await this.removeName(placeOf(upload))
  }

  /** For `FileStaging`: what has been promoted has no such name any more. */
  async removeName(place: Place): Promise<void> {
    await removeIfThere(this.#stagingPath(place))
  }

  /** For `FileStaging`: makes the bytes durable under their storage key. `failure` is that of an earlier sync. */
  async promote(file: FileHandle, place: Place, failure: unknown): Promise<void> {
    const folder = join(this.#options.dataDir, 'blobs', place.day)
    if (!this.#folders.has(folder)) await this.#makeFolder(folder)
    const path = join(folder, place.name)
    await rename(this.#stagingPath(place), path).catch(refuseWhenFull)
    if (this.#options.durability === 'relaxed') return
    const synced = failure === undefined ? this.syncFile(file) : Promise.reject(failure)
    // No room for bytes that nobody was promised: they are staged again, the upload fails, and the rest goes on.
    const refuse = async (error: unknown) => {
      await rename(path, this.#stagingPath(place))
      return refuseWhenFull(error)
    }
    // Both have ended before anybody hears of one that failed.
    const outcomes = await Promise.allSettled([
      synced.catch((error) => (isFull(error) ? refuse(error) : this.#stop(error))),
      this.syncFolder(folder),
    ])
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    this.#fileSyncs += 1
  }

  syncFile(file: FileHandle): Promise<void> {
    return this.#slots.run(() => file.datasync())
  }

  /** A process that ended between the promotion and the transaction left the bytes under their storage key: they are staged again. */
  async #takeBack(place: Place): Promise<void> {
    const isStaged = await stat(this.#stagingPath(place)).catch(undefinedIfAbsent)
    if (isStaged) return
    await rename(this.#blobPath(`${place.day}/${place.name}`), this.#stagingPath(place)).catch(undefinedIfAbsent)
  }

  /** What the other process has open loses its name, so it can neither reach the copy nor promote what it writes. */
  async #copy(from: Place, to: Place): Promise<void> {
    for (const path of [this.#stagingPath(from), this.#blobPath(`${from.day}/${from.name}`)]) {
      try {
        await copyFile(path, this.#stagingPath(to), constants.COPYFILE_FICLONE)
        await unlink(path)
        return
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') refuseWhenFull(error)
      }
    }
  }

  async open(storageKey: string): Promise<BlobReader> {
    const file = await open(this.#blobPath(storageKey), 'r')
    return {
      read: async (buffer, position) => {
        let filled = 0
        while (filled < buffer.byteLength) {
          const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, position + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return filled
      },
      close: () => file.close(),
    }
  }

  async remove(storageKey: string): Promise<void> {
    await removeIfThere(this.#blobPath(storageKey))
  }

  async *storageKeys(): AsyncIterable<string[]> {
    for (const day of await this.#days()) {
      let group: string[] = []
      for await (const entry of await opendir(join(this.#options.dataDir, 'blobs', day), { bufferSize: groupSize })) {
        group.push(`${day}/${entry.name}`)
        if (group.length === groupSize) {
          yield group
          group = []
        }
      }
      if (group.length > 0) yield group
    }
  }

  async *strays(olderThanMs: number): AsyncIterable<StrayStaging[]> {
    const before = this.#options.clock.now() - olderThanMs
    let group: StrayStaging[] = []
    for await (const entry of await opendir(join(this.#options.dataDir, 'uploads'), { bufferSize: groupSize })) {
      if (!entry.isFile()) continue
      const found =
        olderThanMs > 0 && (await stat(join(this.#options.dataDir, 'uploads', entry.name)).catch(undefinedIfAbsent))
      if (found && found.mtimeMs > before) continue
      group.push({ uploadId: entry.name.replace(/\..*$/, ''), handle: entry.name })
      if (group.length === groupSize) {
        yield group
        group = []
      }
    }
    if (group.length > 0) yield group
  }

  async removeStray({ handle }: StrayStaging): Promise<void> {
    await removeIfThere(join(this.#options.dataDir, 'uploads', handle))
  }

  async import(storageKey: string, size: number, bytes: Readable): Promise<void> {
    const [day = '', name = ''] = storageKey.split('/')
    const place = { day, name }
    const file = await open(this.#stagingPath(place), 'w+', 0o600).catch(refuseWhenFull)
    try {
      const staging = new FileStaging(this, file, place, 0)
      for await (const chunk of bytes) await staging.append([chunk as Buffer])
      if (staging.size !== size) throw new Error(`${storageKey} has ${staging.size} bytes instead of ${size}`)
      await staging.promote()
    } catch (error) {
      await file.close().catch(() => {})
      await removeIfThere(this.#stagingPath(place))
      throw error
    }
  }

  async owner(): Promise<string | undefined> {
    return (await readFile(this.#ownerPath, 'utf8').catch(undefinedIfAbsent))?.trim()
  }

  async claim(installationId: string): Promise<string> {
    const written = await open(this.#ownerPath, 'wx', 0o600).catch((error) => {
      if (systemErrorCode(error) !== 'EEXIST') refuseWhenFull(error)
    })
    if (written) {
      await written.writeFile(`${installationId}\n`)
      if (this.#options.durability === 'full') await written.datasync()
      await written.close()
      await this.syncFolder(dirname(this.#ownerPath))
    }
    return (await this.owner()) ?? ''
  }

  async probe(): Promise<void> {
    const path = join(this.#options.dataDir, 'probe')
    const file = await open(path, 'w+', 0o600)
    try {
      const written = Buffer.alloc(4096, String(this.#options.clock.now()))
      await file.write(written, 0, written.length, 0)
      await file.datasync()
      const read = Buffer.alloc(written.length)
      await file.read(read, 0, read.length, 0)
      if (!read.equals(written)) throw new Error(`${path} does not hold what was written to it`)
    } finally {
      await file.close()
    }
  }

  statistics() {
    let folderSyncs = 0
    for (const group of this.#folders.values()) folderSyncs += group.syncs
    return { fileSyncs: this.#fileSyncs, folderSyncs }
  }

  async close(): Promise<void> {}

  /** Makes the names in a folder durable, together with everybody else who waits for that. */
  syncFolder(path: string): Promise<void> {
    if (this.#options.durability === 'relaxed') return Promise.resolve()
    const group = this.#folders.get(path) ?? new SyncGroup(() => syncPath(path).catch((error) => this.#stop(error)))
    this.#folders.set(path, group)
    return group.reached(group.note())
  }

  async #makeFolder(path: string): Promise<void> {
    await mkdir(path, { recursive: true }).catch(refuseWhenFull)
    await this.syncFolder(dirname(path))
    if (this.#options.durability === 'relaxed') this.#folders.set(path, new SyncGroup(async () => {}))
  }

  /** A sync that failed is never tried again and never acknowledged: the kernel may have dropped the pages. */
  #stop(error: unknown): never {
    this.#options.onFailedSync(error)
    throw error
  }

  /** In order. Others may have put something beside them: a file system has its `lost+found`. */
  async #days(): Promise<string[]> {
    const names = await readdir(join(this.#options.dataDir, 'blobs'))
    return names.filter((name) => /^\d{8}$/.test(name)).sort()
  }

  get #ownerPath(): string {
    return join(this.#options.dataDir, 'blob-store-owner')
  }

  #stagingPath({ name }: Place): string {
    return join(this.#options.dataDir, 'uploads', name)
  }

  #blobPath(storageKey: string): string {
    return join(this.#options.dataDir, 'blobs', storageKey)
  }
}

async function syncPath(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  })
}

function undefinedIfAbsent(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error
}

function isFull(error: unknown): boolean {
  const code = systemErrorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function refuseWhenFull(error: unknown): never {
  throw isFull(error) ? new RegistryError({ code: 'StoreFull' }, { cause: error }) : error
}
