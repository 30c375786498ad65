// Which blobs have been copied and read back, as one small fact: blobs are taken in the order of their ids, so it is "all up to this one",
// and those few among them that failed. An id is never given twice and its bytes never change, so this holds while the source is served
// between two runs.

import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { factsTable } from '../storage/metadata/tables/facts.ts'
import { removeFacts } from './facts.ts'

const fact = 'blobs_verified'
const saveMs = 2000

export interface VerifiedBlobs {
  /** All up to this id are verified, but those of `except`. */
  readonly upTo: number
  readonly except: readonly number[]
  take(id: number): void
  /** What was taken is there, and was read back. */
  verified(id: number): void
  /** What was taken is not there; it is tried again by the next run. */
  failed(id: number): void
  /** Remembers it now and then. */
  saveSoon(): Promise<void>
  save(): Promise<void>
}

export async function openVerifiedBlobs(metadata: MetadataStore): Promise<VerifiedBlobs> {
  const text = await metadata.read((db) => factsTable.fact(db, fact))
  const { upTo, except } =
    text === undefined ? { upTo: 0, except: [] } : (JSON.parse(text) as { upTo: number; except: number[] })
  const failed = new Set(except)
  const taken = new Set<number>()
  let last = upTo
  let savedAt = performance.now()

  async function save(): Promise<void> {
    savedAt = performance.now()
    const first = [...taken].filter((id) => id > upTo).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
    const now = JSON.stringify({ upTo: Math.min(last, first - 1), except: [...failed] })
    await metadata.writeSoon((tx) => factsTable.setFact(tx, fact, now))
  }

  return {
    upTo,
    except,
    take(id) {
      taken.add(id)
      last = Math.max(last, id)
    },
    verified(id) {
      taken.delete(id)
      failed.delete(id)
    },
    failed(id) {
      taken.delete(id)
      failed.add(id)
    },
    async saveSoon() {
      if (performance.now() - savedAt >= saveMs) await save()
    },
    save,
  }
}

/** Everything is read again by the next run. */
export async function forgetVerifiedBlobs(metadata: MetadataStore): Promise<void> {
  await metadata.write((tx) => removeFacts(tx, fact))
}
