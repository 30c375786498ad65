// Amazon's JavaScript SDK as a judge: a client for a served registry, the upload flow of ECR §3.4.1, and what a refusal must look like.

import assert from 'node:assert/strict'
import {
  BatchCheckLayerAvailabilityCommand,
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  type CreateRepositoryCommandInput,
  ECRClient,
  type ECRClientConfig,
  ECRServiceException,
  InitiateLayerUploadCommand,
  PutImageCommand,
  type PutImageCommandOutput,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr'
import type { Blob, Manifest } from './images.ts'

export interface Caller {
  url: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

/** One attempt for each call, so that a refusal is seen and not retried. */
export function ecrClient(caller: Caller, config: ECRClientConfig = {}): ECRClient {
  return new ECRClient({
    region: caller.region,
    endpoint: caller.url,
    credentials: { accessKeyId: caller.accessKeyId, secretAccessKey: caller.secretAccessKey },
    maxAttempts: 1,
    ...config,
  })
}

/** ECR §1.3: HTTP 400, the exact code, a request id, and the text when the reference knows it. Returns the error. */
export async function refused(call: Promise<unknown>, code: string | RegExp, text?: string | RegExp) {
  const error = await call.then(
    (value) => assert.fail(`expected ${code}, but it was accepted: ${JSON.stringify(value).slice(0, 500)}`),
    (error: unknown) => error,
  )
  if (!(error instanceof ECRServiceException)) throw error
  if (typeof code === 'string') assert.equal(error.name, code, `${error.name}: ${error.message}`)
  else assert.match(error.name, code, error.message)
  if (typeof text === 'string') assert.equal(error.message, text)
  else if (text) assert.match(error.message, text)
  assert.equal(error.$metadata.httpStatusCode, 400, error.name)
  assert.match(error.$metadata.requestId ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'x-amzn-RequestId')
  return error
}

/** §1.5 */
export function invalidParameter(member: string, constraint: string): string {
  return `Invalid parameter at '${member}' failed to satisfy constraint: '${constraint}'`
}

let names = 0
/** A new repository with a name of its own. */
export async function newRepository(
  client: ECRClient,
  input: Partial<CreateRepositoryCommandInput> = {},
): Promise<string> {
  const repositoryName = `judge/repository-${process.pid}-${++names}`
  await client.send(new CreateRepositoryCommand({ repositoryName, ...input }))
  return input.repositoryName ?? repositoryName
}

export async function initiate(client: ECRClient, repositoryName: string): Promise<string> {
  const { uploadId } = await client.send(new InitiateLayerUploadCommand({ repositoryName }))
  assert.ok(uploadId)
  return uploadId
}

export function sendPart(
  client: ECRClient,
  repositoryName: string,
  uploadId: string,
  bytes: Buffer,
  partFirstByte = 0,
  partLastByte = partFirstByte + bytes.length - 1,
) {
  return client.send(
    new UploadLayerPartCommand({ repositoryName, uploadId, partFirstByte, partLastByte, layerPartBlob: bytes }),
  )
}

export function complete(client: ECRClient, repositoryName: string, uploadId: string, ...layerDigests: string[]) {
  return client.send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests }))
}

/** §3.4.1: check, initiate, parts of 10 MiB, complete. Nothing is sent for a blob that is there. */
export async function uploadBlob(client: ECRClient, repositoryName: string, blob: Blob): Promise<void> {
  const { layers } = await client.send(
    new BatchCheckLayerAvailabilityCommand({ repositoryName, layerDigests: [blob.digest] }),
  )
  if (layers?.[0]?.layerAvailability === 'AVAILABLE') return
  const partSize = 10 * 1024 * 1024
  const uploadId = await initiate(client, repositoryName)
  for (let first = 0; first < blob.size; first += partSize) {
    await sendPart(client, repositoryName, uploadId, blob.bytes.subarray(first, first + partSize), first)
  }
  await complete(client, repositoryName, uploadId, blob.digest)
}

export function putManifest(
  client: ECRClient,
  repositoryName: string,
  manifest: Manifest,
  imageTag?: string,
): Promise<PutImageCommandOutput> {
  return client.send(
    new PutImageCommand({
      repositoryName,
      imageManifest: manifest.text,
      imageManifestMediaType: manifest.mediaType,
      ...(imageTag === undefined ? {} : { imageTag }),
    }),
  )
}

export async function pushImage(
  client: ECRClient,
  repositoryName: string,
  manifest: Manifest,
  ...tags: string[]
): Promise<void> {
  for (const blob of manifest.blobs) await uploadBlob(client, repositoryName, blob)
  if (tags.length === 0) await putManifest(client, repositoryName, manifest)
  for (const tag of tags) await putManifest(client, repositoryName, manifest, tag)
}
