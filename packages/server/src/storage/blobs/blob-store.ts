// Bytes of blobs, behind an interface that knows no names: staging while an upload goes on, storage keys afterwards. Which digest
// and which repository they belong to, the database knows.

import type { Readable } from 'node:stream'

/** An upload as the store knows it. */
export interface StagedUpload {
  uploadId: string
  /** When the upload began, in milliseconds since the epoch: its storage key is in the folder of that day. */
  createdAt: number
  /** Acknowledged bytes that the staging holds; 0 for a new one. */
  size: number
  /** What the last `checkpoint` gave, from the upload's row; null for a new one. */
  state: string | null
  /**
   * Somebody else may still be writing, and does not know that the upload was taken from them (docs/design/uploads.md). What they
   * write from now on must not reach this staging.
   */
  isTakenOver: boolean
}

/** Bytes of one upload that are not a blob yet. One user at a time; `uploads.ts` sees to that. */
export interface Staging {
  /** May be less than was asked for: after a power cut the store holds what it holds. */
  readonly size: number
  /** Appends in order. @throws RegistryError StoreFull */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /**
   * From now on another process can go on with all that was appended: gives the state for the upload's row. Survives a crash of the
   * process; whether it survives a power cut is the store's affair.
   */
  checkpoint(): Promise<string>
  /** Makes the bytes durable under a storage key, which no other content ever had or will have. Repeated, it gives the same key. */
  promote(): Promise<string>
  /** Closes what is open; the bytes stay. */
  close(): Promise<void>
  /** Closes it and removes the bytes, unless they were promoted. */
  remove(): Promise<void>
}

export interface BlobReader {
  /** Fills the buffer from the position on; gives the number of bytes read, less than the buffer only at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>
  close(): Promise<void>
}

/** Bytes of an upload that are left somewhere in the store. */
export interface StrayStaging {
  uploadId: string
  /** Names them for `removeStray`. */
  handle: string
}

export interface BlobStore {
  /**
   * The digest that a row remembers of staged bytes is believed only where this is the same: a power cut may change the bytes of files
   * that were not synced yet, so files have a new one at each start.
   */
  readonly stagingEpoch: string
  /** How many uploads one process may work on at once, and how many it may keep open between requests: a staging takes memory or a descriptor. */
  readonly stagingsAtMost: number
  openStaging(upload: StagedUpload): Promise<Staging>
  /** Removes what a staging that is not open holds. */
  removeStaging(upload: Omit<StagedUpload, 'isTakenOver'>): Promise<void>
  open(storageKey: string): Promise<BlobReader>
  remove(storageKey: string): Promise<void>
  /** Every storage key, in groups. A key ends with `/<upload id>` or `/<upload id>.<suffix>`. */
  storageKeys(): AsyncIterable<string[]>
  /** Everything staged, in groups, that is older than the age given in milliseconds. */
  strays(olderThanMs: number): AsyncIterable<StrayStaging[]>
  removeStray(stray: StrayStaging): Promise<void>
  /** Stores a whole blob of so many bytes under a storage key of another store, durably (`berth migrate-store`). */
  import(storageKey: string, size: number, bytes: Readable): Promise<void>
  /** A link by which the blob can be fetched from the store itself, where it has such: presigned, valid for some minutes. */
  presign?(storageKey: string, headers: { contentType: string; contentDisposition: string }): Promise<string>
  /**
   * The id of the installation that this store belongs to, or undefined when it is of nobody yet.
   * @throws StartError when the store can not be used, naming the setting and what is missing
   */
  owner(): Promise<string | undefined>
  /** Marks the store as the installation's; gives whose it is, which is another's when that was faster. */
  claim(installationId: string): Promise<string>
  /** Writes, syncs and reads back a small object. Rejects when the store can not. */
  probe(): Promise<void>
  statistics(): { fileSyncs: number; folderSyncs: number }
  close(): Promise<void>
}
