// What every judge with a real client needs: a server of its own, an ECR client on it, the docker password that ECR's API gives out, plain
// HTTP to compare bytes with, and a folder that is gone afterwards.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateRepositoryCommand,
  type CreateRepositoryCommandInput,
  DescribeImagesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  type ImageDetail,
} from '@aws-sdk/client-ecr'
import { type RawRegistry, rawRegistry } from './raw-registry.ts'
import { type ServedRegistry, type ServeOptions, serve } from './serve.ts'

export interface ProvingGround {
  server: ServedRegistry
  ecr: ECRClient
  /** What `aws ecr get-login-password` prints. */
  password: string
  raw: RawRegistry
  /** An empty folder for the client's own files. */
  folder: string
  /** Makes repositories, since ECR wants them to exist before a push. */
  createRepositories(...names: string[]): Promise<void>
  createRepository(input: CreateRepositoryCommandInput): Promise<void>
  /** DescribeImages, all pages. */
  images(repositoryName: string): Promise<ImageDetail[]>
  /** Stops the server and removes the folder. Fails when the server logged an error of its own on the way. */
  close(): Promise<void>
}

export async function provingGround(options: ServeOptions = {}): Promise<ProvingGround> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-client-'))
  const server = await serve(options)
  const ecr = ecrClient(server)
  const password = await dockerPassword(ecr)
  const raw = rawRegistry(server.url, password)
  return {
    server,
    ecr,
    password,
    raw,
    folder,
    async createRepositories(...names) {
      for (const repositoryName of names) await ecr.send(new CreateRepositoryCommand({ repositoryName }))
    },
    async createRepository(input) {
      await ecr.send(new CreateRepositoryCommand(input))
    },
    images: (repositoryName) => describeImages(ecr, repositoryName),
    async close() {
      ecr.destroy()
      raw.close()
      try {
        await server.stop()
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
      assert.deepEqual(errorLines(server.log()), [], 'the server logged errors')
    },
  }
}

export function ecrClient(server: ServedRegistry): ECRClient {
  return new ECRClient({
    endpoint: server.url,
    region: server.region,
    credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
  })
}

/** GetAuthorizationToken, decoded as the AWS CLI decodes it: the text after the first colon. */
export async function dockerPassword(ecr: ECRClient): Promise<string> {
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}))
  const token = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString()
  assert.ok(token.startsWith('AWS:'), 'the authorization token is base64 of AWS:<password>')
  return token.slice('AWS:'.length)
}

export async function describeImages(ecr: ECRClient, repositoryName: string): Promise<ImageDetail[]> {
  const images: ImageDetail[] = []
  let nextToken: string | undefined
  do {
    const page = await ecr.send(new DescribeImagesCommand({ repositoryName, ...(nextToken ? { nextToken } : {}) }))
    images.push(...(page.imageDetails ?? []))
    nextToken = page.nextToken
  } while (nextToken)
  return images
}

/** Lines of the server's log that say that something went wrong inside it: errors, and answers of the 500s. */
function errorLines(log: string): string[] {
  return log.split('\n').filter((line) => /"level":\s*"(error|fatal)"|"status":\s*5\d\d\b/.test(line))
}
