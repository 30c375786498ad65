// Blobs in an S3 store. Below the prefix of the bucket:
//
//   blobs/<yyyymmdd>/<upload id>      the bytes of a blob; without `blobs/`, its storage key. `.<random>` may follow
//   uploads/<upload id>/<random>      the tail of an upload that goes on
//   probe/<random>                    for a moment
//   berth-installation                whose store this is
//
// An upload is a multipart upload of the object that it becomes, so that no byte is copied (staging.ts).

import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { BlobStore, StrayStaging } from '../blob-store.ts'
import { openBucket, type RequestLimits, requestLimits, type S3Location } from './bucket.ts'
import { isCode } from './failures.ts'
import { openReader } from './reader.ts'
import { openStaging } from './resume.ts'
import { S3Staging } from './staging.ts'
import { checkStart } from './start-check.ts'
import { parseState } from './upload-state.ts'

export { stagingBytesAtMost } from './upload-state.ts'

const markerKey = 'berth-installation'
/** Where the store can not refuse the second of two: both have written by then. */
const settleMs = 500

export interface S3Options {
  location: S3Location
  clock: Clock
  log: Log
  limits?: Partial<RequestLimits>
}

/** What `removeStray` is given, as JSON: an object, or a multipart upload of a key. */
type Handle = { tail: string } | { multipart: string; key: string }

/** Asks nothing of the store yet: `owner` is the first to. */
export async function openS3(options: S3Options): Promise<BlobStore> {
  const { location, clock, log } = options
  const limits = { ...requestLimits, ...options.limits }
  const bucket = await openBucket({ location, limits, log })
  const parts = { bucket, limits, log }

  async function readOwner(): Promise<string | undefined> {
    return (await bucket.read(markerKey))?.toString('utf8').trim()
  }

  async function removeTails(uploadId: string): Promise<void> {
    for await (const page of bucket.list(`uploads/${uploadId}/`)) for (const { key } of page) await bucket.delete(key)
  }

  return {
    // What is stored stays as it is.
    stagingEpoch: 's3',
    // Two parts each.
    stagingsAtMost: 48,

    openStaging: (upload) => openStaging(parts, upload),

    async removeStaging({ uploadId, state }) {
      // What no row remembers is found by its age.
      if (state === null) return
      const { key, multipart } = parseState(state)
      if (multipart !== null) await bucket.abortMultipart(key, multipart)
      await removeTails(uploadId)
    },

    open: (storageKey) => openReader(bucket, `blobs/${storageKey}`, limits),

    remove: (storageKey) => bucket.delete(`blobs/${storageKey}`),

    async *storageKeys() {
      for await (const page of bucket.list('blobs/')) yield page.map(({ key }) => key.slice('blobs/'.length))
    },

    async *strays(olderThanMs) {
      const before = clock.now() - olderThanMs
      const isOld = (at: number) => olderThanMs === 0 || at <= before
      for await (const page of bucket.listMultiparts('blobs/')) {
        const old = page.filter(({ startedAt }) => isOld(startedAt))
        if (old.length > 0) yield old.map(({ key, multipart }) => stray(uploadOfKey(key), { multipart, key }))
      }
      for await (const page of bucket.list('uploads/')) {
        const old = page.filter(({ modifiedAt }) => isOld(modifiedAt))
        if (old.length > 0) yield old.map(({ key }) => stray(key.split('/')[1] ?? '', { tail: key }))
      }
    },

    async removeStray({ handle }) {
      const named = JSON.parse(handle) as Handle
      if ('tail' in named) await bucket.delete(named.tail)
      else await bucket.abortMultipart(named.key, named.multipart)
    },

    async import(storageKey: string, size: number, bytes: Readable) {
      const staging = new S3Staging(bucket, log, { uploadId: uploadOfKey(storageKey), key: `blobs/${storageKey}` })
      try {
        for await (const chunk of bytes) await staging.append([chunk as Buffer])
        if (staging.size !== size) throw new Error(`${storageKey} has ${staging.size} bytes instead of ${size}`)
        await staging.promote()
        await staging.close()
      } catch (error) {
        await staging.remove().catch((err) => log.debug({ err }, 'parts of a blob stay for now'))
        throw error
      }
    },

    presign: (storageKey, headers) => bucket.presign(`blobs/${storageKey}`, headers),

    async owner() {
      await checkStart(location, limits)
      return readOwner()
    },

    async claim(installationId) {
      const before = await readOwner()
      if (before !== undefined) return before
      const marker = Buffer.from(`${installationId}\n`)
      try {
        await bucket.put(markerKey, marker, { isNew: true })
      } catch (error) {
        if (!isCode(error, 'PreconditionFailed', 'ConditionalRequestConflict')) {
          if (!isCode(error, 'NotImplemented', 'InvalidArgument', 'InvalidRequest')) throw error
          await bucket.put(markerKey, marker)
          await sleep(settleMs)
        }
      }
      return (await readOwner()) ?? ''
    },

    async probe() {
      const key = `probe/${randomUUID()}`
      const written = Buffer.alloc(4096, String(clock.now()))
      await bucket.put(key, written)
      const read = await bucket.read(key)
      await bucket.delete(key)
      if (!read?.equals(written)) throw new Error(`the S3 store does not give back what was written to ${key}`)
    },

    // The store syncs by itself, unseen.
    statistics: () => ({ fileSyncs: 0, folderSyncs: 0 }),

    async close() {
      bucket.close()
    },
  }
}

function stray(uploadId: string, handle: Handle): StrayStaging {
  return { uploadId, handle: JSON.stringify(handle) }
}

/** `…/<upload id>` or `…/<upload id>.<suffix>`. */
function uploadOfKey(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1).replace(/\..*$/, '')
}
