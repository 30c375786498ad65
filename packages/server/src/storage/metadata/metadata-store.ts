// The database behind the registry: reads, transactions, and the barrier that keeps an answer from resting on what a power cut
// could take back (docs/design/store.md).

import type { Digest } from '@berth/api/names/digest.ts'
import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Db } from './schema.ts'
import type { GenerationName } from './tables/generations.ts'

/** The name of a row that an answer may rest on. */
export type RowKey = string & { readonly __name: 'RowKey' }

export const rowKey = {
  repository: (registry: RegistryName, name: string) => `r/${registry.accountId}/${registry.region}/${name}` as RowKey,
  tag: (repositoryId: number, tag: string) => `t/${repositoryId}/${tag}` as RowKey,
  image: (repositoryId: number, digest: Digest) => `i/${repositoryId}/${digest}` as RowKey,
  blobLink: (repositoryId: number, digest: Digest) => `b/${repositoryId}/${digest}` as RowKey,
  generation: (name: GenerationName) => `g/${name}` as RowKey,
}

export interface Transaction {
  db: Db
  /** Names rows that this transaction changes, for readers that name what they rest on. */
  touch(...keys: RowKey[]): void
}

export interface MetadataStore {
  /** Other processes write to the same database. */
  readonly isShared: boolean

  /**
   * Runs queries against what is committed. The result is given when everything it may rest on is durable: all commits so far, or,
   * where `restsOn` names the rows, the commits that touched those; so is a RegistryError. With nothing pending there is no wait.
   */
  read<T>(queries: (db: Db) => Promise<T>, restsOn?: (result: T) => readonly RowKey[]): Promise<T>

  /**
   * One transaction, alone. Only `tx` may be awaited inside. Resolves when the commit is durable; when `change` throws, nothing has
   * changed, and the error is given when all it may rest on is durable.
   *
   * @throws RegistryError StoreFull when the disk has no room, Unavailable when the database does not answer
   */
  write<T>(change: (tx: Transaction) => Promise<T>): Promise<T>

  /** As `write`, but resolves at the commit: a crash of the process keeps it, a power cut may not (upload offsets, pull times). */
  writeSoon<T>(change: (tx: Transaction) => Promise<T>): Promise<T>

  /** As `writeSoon`, for a change that is one statement and stands whatever it gives: its commit travels with it. */
  writeStatement<T>(change: (tx: Transaction) => Promise<T>): Promise<T>

  /** Resolves when everything committed so far is durable. */
  durable(): Promise<void>

  /**
   * The counter that says when a cache of that name is old, at most two seconds old itself, and never older than what this process wrote;
   * with `isCurrent` as it is now. @throws RegistryError Unavailable when the database can not be asked
   */
  generation(name: GenerationName, isCurrent?: boolean): Promise<number>

  /** Runs a start's work while no other process starts on the same database. */
  exclusively<T>(task: () => Promise<T>): Promise<T>

  statistics(): { commits: number; syncs: number; walBytes: number }

  close(): Promise<void>
}
