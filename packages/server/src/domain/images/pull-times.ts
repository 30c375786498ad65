// When an image was last pulled. Reads do not write: pulls are noted in memory and written in batches (ECR `lastRecordedPullTime`,
// which is coarse there too). A crash loses the notes of the last seconds, never more.

import type { Digest } from '@berth/api/names/digest.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { imagesTable } from '../../storage/metadata/tables/images.ts'

const flushMs = 5000
const batchSize = 200
const maxNotes = 100_000

export interface PullTimes {
  note(repositoryId: number, digest: Digest): void
  flush(): Promise<void>
  close(): Promise<void>
}

export function createPullTimes(parts: { metadata: MetadataStore; clock: Clock; log: Log }): PullTimes {
  const { metadata, clock, log } = parts
  let notes = new Map<string, { repositoryId: number; digest: Digest; at: number }>()

  async function flush(): Promise<void> {
    const pulls = [...notes.values()]
    notes = new Map()
    for (let start = 0; start < pulls.length; start += batchSize) {
      await metadata.writeSoon(async (tx) => {
        for (const { repositoryId, digest, at } of pulls.slice(start, start + batchSize)) {
          await imagesTable.recordPull(tx, repositoryId, digest, at)
        }
      })
    }
  }

  /** Nobody was promised a pull time: a full disk, for one, neither fails the pull nor the end of the process. */
  const flushOrWarn = () => flush().catch((error) => log.warn({ err: error }, 'pull times were not recorded'))

  const timer = setInterval(flushOrWarn, flushMs)
  timer.unref()

  return {
    note(repositoryId, digest) {
      const key = `${repositoryId}/${digest}`
      const note = notes.get(key)
      if (note) note.at = clock.now()
      else if (notes.size < maxNotes) notes.set(key, { repositoryId, digest, at: clock.now() })
    },
    flush,
    async close() {
      clearInterval(timer)
      await flushOrWarn()
    },
  }
}
