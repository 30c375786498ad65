// Blobs as files of the data directory:
//
//   uploads/<upload id>              bytes of an upload in progress; never synced, its row says how many of them count
//   blobs/<yyyymmdd>/<upload id>     bytes of a blob, named by the upload that brought them: the storage key is `<yyyymmdd>/<upload id>`
//   probe                            what /readyz writes and reads
//
// A blob becomes durable in this order (docs/design/store.md): bytes, fdatasync of the file, rename, fsync of the folder,
// then, by the caller, the transaction that makes it visible. All promotions of a day share one folder, so they share its syncs.

import { constants, type FileHandle, mkdir, open, opendir, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { RegistryError, systemErrorCode } from '../../base/errors.ts'
import { Semaphore } from '../../base/semaphore.ts'
import { SyncGroup } from '../metadata/sync-group.ts'
import type { BlobReader, BlobStore, Staging } from './blob-store.ts'

const pieceBytes = 1024 * 1024
/** While an upload goes on, its bytes are pushed to the disk in steps, so that the sync at the end is short. */
const writebackBytes = 64 * 1024 * 1024

export interface FilesystemOptions {
  dataDir: string
  durability: 'full' | 'relaxed'
  clock: Clock
  /** How many file syncs may run at once: fewer than the threads of the pool, so that reads find one. */
  concurrentSyncs: number
  onFailedSync: (error: unknown) => void
}

export async function openFilesystem(options: FilesystemOptions): Promise<BlobStore> {
  await mkdir(join(options.dataDir, 'uploads'), { recursive: true })
  await mkdir(join(options.dataDir, 'blobs'), { recursive: true })
  const store = new FilesystemStore(options)
  await store.syncFolder(options.dataDir)
  return store
}

class FileStaging implements Staging {
  readonly file: FileHandle
  size: number
  #unsynced = 0
  #writeback: Promise<void> | undefined
  /** The kernel reports a lost page once: a sync that failed on the way must not be forgotten when a later one succeeds. */
  #failure: unknown
  readonly #slots: Semaphore

  constructor(file: FileHandle, size: number, slots: Semaphore) {
    this.file = file
    this.size = size
    this.#slots = slots
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    let pending = chunks.filter((chunk) => chunk.byteLength > 0)
    while (pending.length > 0) {
      const { bytesWritten } = await this.file.writev(pending, this.size).catch(refuseWhenFull)
      this.size += bytesWritten
      this.#unsynced += bytesWritten
      pending = after(pending, bytesWritten)
    }
    if (this.#unsynced >= writebackBytes && !this.#writeback) {
      this.#unsynced = 0
      this.#writeback = this.#slots
        .run(() => this.file.datasync())
        .catch((error) => {
          this.#failure = error
        })
        .finally(() => {
          this.#writeback = undefined
        })
    }
  }

  /** Makes the bytes durable. */
  async sync(): Promise<void> {
    await this.#writeback
    if (this.#failure !== undefined) throw this.#failure
    await this.#slots.run(() => this.file.datasync())
  }

  async close(): Promise<void> {
    await this.#writeback
    await this.file.close()
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

class FilesystemStore implements BlobStore {
  readonly #options: FilesystemOptions
  readonly #folders = new Map<string, SyncGroup>()
  readonly #slots: Semaphore
  #fileSyncs = 0

  constructor(options: FilesystemOptions) {
    this.#options = options
    this.#slots = new Semaphore(options.concurrentSyncs)
  }

  async openStaging(uploadId: string, size: number): Promise<Staging> {
    const file = await open(this.#stagingPath(uploadId), constants.O_RDWR | constants.O_CREAT, 0o600).catch(
      refuseWhenFull,
    )
    const { size: length } = await file.stat()
    const kept = Math.min(length, size)
    if (length > kept) await file.truncate(kept)
    return new FileStaging(file, kept, this.#slots)
  }

  async *readStaging(uploadId: string): AsyncIterable<Uint8Array> {
    const file = await open(this.#stagingPath(uploadId), 'r')
    try {
      const buffer = Buffer.allocUnsafe(pieceBytes)
      for (let position = 0; ; ) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) return
        position += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async removeStaging(uploadId: string): Promise<void> {
    await removeIfThere(this.#stagingPath(uploadId))
  }

  async promote(uploadId: string, staging: Staging): Promise<string> {
    if (!(staging instanceof FileStaging)) throw new Error('the staging belongs to another store')
    const day = new Date(this.#options.clock.now()).toISOString().slice(0, 10).replaceAll('-', '')
    const folder = join(this.#options.dataDir, 'blobs', day)
    if (!this.#folders.has(folder)) await this.#makeFolder(folder)
    if (this.#options.durability === 'full') {
      // No room for bytes that nobody was promised: the upload fails, and the rest goes on.
      await staging.sync().catch((error) => (isFull(error) ? refuseWhenFull(error) : this.#stop(error)))
      this.#fileSyncs += 1
    }
    await staging.close()
    await rename(this.#stagingPath(uploadId), join(folder, uploadId)).catch(refuseWhenFull)
    await this.syncFolder(folder)
    return `${day}/${uploadId}`
  }

  async demote(uploadId: string): Promise<boolean> {
    for (const day of (await this.#days()).reverse()) {
      try {
        await rename(this.#blobPath(`${day}/${uploadId}`), this.#stagingPath(uploadId))
        return true
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') throw error
      }
    }
    return false
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
      for await (const entry of await opendir(join(this.#options.dataDir, 'blobs', day), { bufferSize: 256 })) {
        group.push(`${day}/${entry.name}`)
        if (group.length === 256) {
          yield group
          group = []
        }
      }
      if (group.length > 0) yield group
    }
  }

  async stagedUploads(): Promise<string[]> {
    const entries = await readdir(join(this.#options.dataDir, 'uploads'), { withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
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

  #stagingPath(uploadId: string): string {
    return join(this.#options.dataDir, 'uploads', uploadId)
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

function isFull(error: unknown): boolean {
  const code = systemErrorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function refuseWhenFull(error: unknown): never {
  throw isFull(error) ? new RegistryError({ code: 'StoreFull' }, { cause: error }) : error
}
