// What bytes a store holds, seen past Berth: files by the file system, objects by Amazon's client.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../src/config.ts'

export interface StoredBytes {
  /** Of blobs, in order. */
  storageKeys(): Promise<string[]>
  /** Uploads with bytes of their own. */
  stagedUploads(): Promise<string[]>
  close(): void
}

export function openStoredBytes(config: Config): StoredBytes {
  return config.blobStore ? inBucket(config.blobStore) : inFolder(config.dataDir)
}

function inFolder(dataDir: string): StoredBytes {
  return {
    async storageKeys() {
      const days = await readdir(join(dataDir, 'blobs'))
      const each = await Promise.all(
        days.map(async (day) => (await readdir(join(dataDir, 'blobs', day))).map((file) => `${day}/${file}`)),
      )
      return each.flat().sort()
    },
    stagedUploads: () => readdir(join(dataDir, 'uploads')),
    close() {},
  }
}

function inBucket(location: NonNullable<Config['blobStore']>): StoredBytes {
  const { bucket: Bucket, prefix } = location
  // Loaded where it is used: it takes a while.
  const opened = import('@aws-sdk/client-s3').then((sdk) => ({
    sdk,
    client: new sdk.S3Client({
      region: location.region,
      forcePathStyle: location.isPathStyle,
      ...(location.endpoint ? { endpoint: location.endpoint } : {}),
      ...(location.credentials ? { credentials: { ...location.credentials } } : {}),
    }),
  }))

  async function objects(below: string): Promise<string[]> {
    const { sdk, client } = await opened
    const keys: string[] = []
    for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket, Prefix: `${prefix}${below}` })) {
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key.slice(prefix.length + below.length)))
    }
    return keys.sort()
  }

  return {
    storageKeys: () => objects('blobs/'),
    async stagedUploads() {
      const { sdk, client } = await opened
      const { Uploads = [], IsTruncated } = await client.send(
        new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: `${prefix}blobs/` }),
      )
      if (IsTruncated) throw new Error('more uploads than a test should have')
      const ids = (await objects('uploads/')).map((key) => key.split('/')[0] ?? '')
      for (const { Key = '', UploadId } of Uploads) {
        const { Parts = [] } = await client
          .send(new sdk.ListPartsCommand({ Bucket, Key, UploadId }))
          .catch((error: unknown) => {
            if (error instanceof sdk.NoSuchUpload) return { Parts: [] }
            throw error
          })
        if (Parts.length > 0) ids.push(Key.slice(Key.lastIndexOf('/') + 1).replace(/\..*$/, ''))
      }
      return [...new Set(ids)]
    },
    close() {
      void opened.then(({ client }) => client.destroy())
    },
  }
}
