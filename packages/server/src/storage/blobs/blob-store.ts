// Bytes of blobs, behind an interface that knows no names: staging while an upload goes on, storage keys afterwards. Which digest
// and which repository they belong to, the database knows.

/** Bytes of one upload that are not a blob yet. One user at a time; `uploads.ts` sees to that. */
export interface Staging {
  readonly size: number
  /** Appends in order. Not durable until `promote`. @throws RegistryError StoreFull */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /** Closes what is open; the bytes stay. */
  close(): Promise<void>
}

export interface BlobReader {
  /** Fills the buffer from the position on; gives the number of bytes read, less than the buffer only at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>
  close(): Promise<void>
}

export interface BlobStore {
  /** Opens the staging of an upload, new or from before a restart, cut back to `size` bytes. Gives fewer when fewer are there. */
  openStaging(uploadId: string, size: number): Promise<Staging>
  /** Reads the staging from its beginning, in pieces of up to a MiB. */
  readStaging(uploadId: string): AsyncIterable<Uint8Array>
  removeStaging(uploadId: string): Promise<void>
  /** Makes the staged bytes durable under a storage key of their own, which no other content ever had or will have. */
  promote(uploadId: string, staging: Staging): Promise<string>
  /** Takes a promotion back: what lies under a storage key of the upload is its staging again. False when nothing does. */
  demote(uploadId: string): Promise<boolean>
  open(storageKey: string): Promise<BlobReader>
  remove(storageKey: string): Promise<void>
  /** Every storage key, in groups; and every upload that has staged bytes. */
  storageKeys(): AsyncIterable<string[]>
  stagedUploads(): Promise<string[]>
  /** Writes, syncs and reads back a small object. Rejects when the store can not. */
  probe(): Promise<void>
  statistics(): { fileSyncs: number; folderSyncs: number }
}
