// The bucket: the few requests that every store with multipart uploads answers, each bounded in time. Left out on purpose, since some stores
// lack them: bulk deletes, copies, checksums as trailers. The SDK is loaded with the first bucket, so that nobody else waits for it.

import type { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Log } from '../../../base/log.ts'
import { clientFailure, isCode } from './failures.ts'

export interface S3Location {
  bucket: string
  /** Empty, or ends with `/`. */
  prefix: string
  region: string
  /** Undefined: AWS. */
  endpoint?: string
  isPathStyle: boolean
  serverSideEncryption?: 'AES256' | 'aws:kms'
  kmsKeyId?: string
  /** Undefined: what the SDK finds in the environment. */
  credentials?: { accessKeyId: string; secretAccessKey: string }
}

/** In milliseconds. */
export interface RequestLimits {
  /** How often a request is sent at most. */
  attempts: number
  connect: number
  /** Without a byte, while sending or receiving. */
  idle: number
  /** From the first byte sent to the head of the answer, for one attempt. */
  answer: number
  /** All attempts together. */
  total: number
}

export const requestLimits: RequestLimits = { attempts: 4, connect: 3000, idle: 15_000, answer: 30_000, total: 60_000 }

export interface StoredObject {
  size: number
  etag: string
}

export interface ListedObject {
  key: string
  modifiedAt: number
}

export interface ListedMultipart {
  key: string
  multipart: string
  startedAt: number
}

export interface Part {
  number: number
  size: number
  etag: string
}

export type Bucket = Awaited<ReturnType<typeof openBucket>>

const presignedSeconds = 600
const idleSockets = 64

/** Keys are within the prefix. Methods throw RegistryError Unavailable or StoreFull, and the SDK's error for any other answer. */
export async function openBucket(options: { location: S3Location; limits: RequestLimits; log: Log }) {
  const { location, limits, log } = options
  const [s3, { NodeHttpHandler }, { getSignedUrl }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@smithy/node-http-handler'),
    import('@aws-sdk/s3-request-presigner'),
  ])
  // No bound: a download holds its socket as long as its client takes, and who waits for one runs into the time for connecting. Each
  // request is for a request of a client, and how many of those there are is bounded where they arrive.
  const sockets = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: idleSockets }
  const client = new s3.S3Client({
    region: location.region,
    ...(location.endpoint ? { endpoint: location.endpoint } : {}),
    // A copy: the SDK writes into it, and the configuration is frozen.
    ...(location.credentials ? { credentials: { ...location.credentials } } : {}),
    forcePathStyle: location.isPathStyle,
    maxAttempts: limits.attempts,
    retryMode: 'standard',
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Some stores and proxies never say 100; each part would wait for it.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: limits.connect,
      socketTimeout: limits.idle,
      requestTimeout: limits.answer,
      throwOnRequestTimeout: true,
      httpAgent: sockets,
      httpsAgent: sockets,
      logger: { ...console, warn: (text: unknown) => log.warn({ bucket: location.bucket }, String(text)) },
    }),
  })
  const place = (key: string) => ({ Bucket: location.bucket, Key: location.prefix + key })
  const encryption = {
    ...(location.serverSideEncryption ? { ServerSideEncryption: location.serverSideEncryption } : {}),
    ...(location.kmsKeyId ? { SSEKMSKeyId: location.kmsKeyId } : {}),
  }

  async function request<T>(
    name: string,
    send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    // Not AbortSignal.timeout: it would also end the body of an answer that arrives for longer.
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), limits.total)
    const abortSignal = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
    try {
      return await send(client, { abortSignal })
    } catch (error) {
      throw clientFailure(error, (cause) => {
        if (!signal?.aborted) log.warn({ err: cause, request: name }, 'the S3 store does not answer as it should')
      })
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    prefix: location.prefix,

    async put(key: string, body: Uint8Array, conditions: { isNew?: boolean } = {}): Promise<StoredObject> {
      const input = { ...place(key), ...encryption, Body: body, ...(conditions.isNew ? { IfNoneMatch: '*' } : {}) }
      const answer = await request('PutObject', (c, o) => c.send(new s3.PutObjectCommand(input), o))
      return { size: body.byteLength, etag: answer.ETag ?? '' }
    },

    /** From a position to the end. @throws NoSuchKey */
    async get(key: string, position = 0): Promise<{ body: Readable; length: number }> {
      const input = { ...place(key), ...(position > 0 ? { Range: `bytes=${position}-` } : {}) }
      const answer = await request('GetObject', (c, o) => c.send(new s3.GetObjectCommand(input), o))
      if (!answer.Body || answer.ContentLength === undefined) throw new Error(`${key} came without a body or a length`)
      const body = answer.Body as Readable
      // A store that ignores ranges would give other bytes than were asked for.
      if (position > 0 && !answer.ContentRange?.startsWith(`bytes ${position}-`)) {
        body.destroy()
        throw new Error(`the S3 store answered a range from ${position} with "${answer.ContentRange ?? 'no range'}"`)
      }
      return { body, length: answer.ContentLength }
    },

    /** A small object, or undefined when there is none. */
    async read(key: string): Promise<Buffer | undefined> {
      try {
        // Within `request`, so that its time counts until the last byte.
        return await request('GetObject', async (c, o) => {
          const { Body } = await c.send(new s3.GetObjectCommand(place(key)), o)
          return Buffer.from((await Body?.transformToByteArray()) ?? [])
        })
      } catch (error) {
        if (isCode(error, 'NoSuchKey')) return undefined
        throw error
      }
    },

    async head(key: string): Promise<StoredObject | undefined> {
      try {
        const answer = await request('HeadObject', (c, o) => c.send(new s3.HeadObjectCommand(place(key)), o))
        return { size: answer.ContentLength ?? 0, etag: answer.ETag ?? '' }
      } catch (error) {
        // An answer to HEAD has no body that could hold the code.
        if (isCode(error, 'NotFound', 'NoSuchKey')) return undefined
        throw error
      }
    },

    /** There or not. */
    async delete(key: string): Promise<void> {
      try {
        await request('DeleteObject', (c, o) => c.send(new s3.DeleteObjectCommand(place(key)), o))
      } catch (error) {
        if (!isCode(error, 'NoSuchKey')) throw error
      }
    },

    async *list(under: string, pageSize = 1000): AsyncGenerator<ListedObject[]> {
      const input = { Bucket: location.bucket, Prefix: location.prefix + under, MaxKeys: pageSize }
      for (let token: string | undefined; ; ) {
        const page = await request('ListObjectsV2', (c, o) =>
          c.send(new s3.ListObjectsV2Command({ ...input, ...(token ? { ContinuationToken: token } : {}) }), o),
        )
        const found = (page.Contents ?? []).flatMap(({ Key, LastModified }) =>
          Key === undefined
            ? []
            : [{ key: Key.slice(location.prefix.length), modifiedAt: LastModified?.getTime() ?? Date.now() }],
        )
        if (found.length > 0) yield found
        token = page.IsTruncated ? page.NextContinuationToken : undefined
        if (token === undefined) return
      }
    },

    async *listMultiparts(under: string, pageSize = 1000): AsyncGenerator<ListedMultipart[]> {
      const input = { Bucket: location.bucket, Prefix: location.prefix + under, MaxUploads: pageSize }
      let marker: string | undefined
      do {
        const page = await request('ListMultipartUploads', (c, o) =>
          c.send(new s3.ListMultipartUploadsCommand({ ...input, ...(marker ? { KeyMarker: marker } : {}) }), o),
        )
        const found = (page.Uploads ?? []).flatMap(({ Key, UploadId, Initiated }) =>
          Key === undefined || UploadId === undefined
            ? []
            : [
                {
                  key: Key.slice(location.prefix.length),
                  multipart: UploadId,
                  startedAt: Initiated?.getTime() ?? Date.now(),
                },
              ],
        )
        if (found.length > 0) yield found
        // By key alone: not every store takes the second marker that it gave. Of several uploads of one key, the rest comes another time.
        marker = page.IsTruncated ? page.NextKeyMarker : undefined
      } while (marker)
    },

    async createMultipart(key: string): Promise<string> {
      const input = { ...place(key), ...encryption }
      const answer = await request('CreateMultipartUpload', (c, o) =>
        c.send(new s3.CreateMultipartUploadCommand(input), o),
      )
      if (answer.UploadId === undefined) throw new Error('the S3 store gave no id for a multipart upload')
      return answer.UploadId
    },

    /** Gives the ETag. @throws NoSuchUpload */
    async putPart(
      upload: { key: string; multipart: string; number: number },
      body: Uint8Array,
      signal?: AbortSignal,
    ): Promise<string> {
      const input = { ...place(upload.key), UploadId: upload.multipart, PartNumber: upload.number, Body: body }
      const answer = await request('UploadPart', (c, o) => c.send(new s3.UploadPartCommand(input), o), signal)
      if (answer.ETag === undefined) throw new Error('the S3 store gave no ETag for a part')
      return answer.ETag
    },

    /** Gives the ETag of the object. @throws NoSuchUpload, InvalidPart */
    async completeMultipart(key: string, multipart: string, parts: readonly Part[]): Promise<string> {
      const input = {
        ...place(key),
        UploadId: multipart,
        MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
      }
      const answer = await request('CompleteMultipartUpload', (c, o) =>
        c.send(new s3.CompleteMultipartUploadCommand(input), o),
      )
      return answer.ETag ?? ''
    },

    /** There or not. */
    async abortMultipart(key: string, multipart: string): Promise<void> {
      try {
        const input = { ...place(key), UploadId: multipart }
        await request('AbortMultipartUpload', (c, o) => c.send(new s3.AbortMultipartUploadCommand(input), o))
      } catch (error) {
        if (!isCode(error, 'NoSuchUpload')) throw error
      }
    },

    presign(key: string, headers: { contentType: string; contentDisposition: string }): Promise<string> {
      const input = {
        ...place(key),
        ResponseContentType: headers.contentType,
        ResponseContentDisposition: headers.contentDisposition,
      }
      return getSignedUrl(client, new s3.GetObjectCommand(input), { expiresIn: presignedSeconds })
    },

    close(): void {
      client.destroy()
    },
  }
}
