// The registry under fault as its clients see it: the docker wire, and the AWS API through Amazon's own client.

import {
  BatchDeleteImageCommand,
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  ECRClient,
  ECRServiceException,
  GetAuthorizationTokenCommand,
  type ImageIdentifier,
  InitiateLayerUploadCommand,
  PutImageCommand,
  paginateDescribeImages,
  paginateDescribeRepositories,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr'
import { createDockerWire, type DockerWire, type DockerWireOptions, digestOf } from '../support/docker-wire.ts'
import type { ServedRegistry } from '../support/serve.ts'

export interface DescribedImage {
  digest: string
  tags: string[]
}

export interface Target {
  wire: DockerWire
  /** Absent for a registry that speaks only the docker wire. */
  api?: RegistryApi
  close(): void
}

/** Asks for a docker password as `aws ecr get-login-password` does, and opens both wires. */
export async function connect(
  server: Pick<ServedRegistry, 'url' | 'region' | 'accessKeyId' | 'secretAccessKey'>,
  options: Pick<DockerWireOptions, 'connections' | 'timeout'> = {},
): Promise<Target> {
  const api = createApi(server)
  const authorization = `Basic ${await api.authorizationToken()}`
  const wire = createDockerWire({ url: server.url, authorization, ...options })
  return {
    wire,
    api,
    close() {
      wire.close()
      api.close()
    },
  }
}

export function createApi(
  server: Pick<ServedRegistry, 'url' | 'region' | 'accessKeyId' | 'secretAccessKey'> & { sessionToken?: string },
) {
  const { accessKeyId, secretAccessKey, sessionToken } = server
  const client = new ECRClient({
    endpoint: server.url,
    region: server.region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    maxAttempts: 1,
  })

  return {
    async authorizationToken(): Promise<string> {
      const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}))
      return authorizationData?.[0]?.authorizationToken ?? ''
    },

    async createRepository(repositoryName: string): Promise<void> {
      await client.send(new CreateRepositoryCommand({ repositoryName }))
    },

    /** With everything that is in it. */
    async deleteRepository(repositoryName: string): Promise<void> {
      await client.send(new DeleteRepositoryCommand({ repositoryName, force: true }))
    },

    async listRepositories(): Promise<string[]> {
      const names: string[] = []
      for await (const page of paginateDescribeRepositories({ client }, {})) {
        names.push(...(page.repositories ?? []).map(({ repositoryName }) => repositoryName ?? ''))
      }
      return names
    },

    async describeImages(repositoryName: string): Promise<DescribedImage[]> {
      const images: DescribedImage[] = []
      for await (const page of paginateDescribeImages({ client, pageSize: 1000 }, { repositoryName })) {
        for (const { imageDigest, imageTags } of page.imageDetails ?? []) {
          images.push({ digest: imageDigest ?? '', tags: imageTags ?? [] })
        }
      }
      return images
    },

    /** The digest that a tag has, or undefined when there is no such image. */
    async resolveTag(repositoryName: string, imageTag: string): Promise<string | undefined> {
      try {
        const { imageDetails } = await client.send(
          new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag }] }),
        )
        return imageDetails?.[0]?.imageDigest
      } catch (error) {
        if (isNamed(error, 'ImageNotFoundException')) return undefined
        throw error
      }
    },

    /** A layer in one part. "Already exists" is a success: the layer is there, says the answer. */
    async pushLayer(repositoryName: string, content: Uint8Array): Promise<void> {
      const { uploadId } = await client.send(new InitiateLayerUploadCommand({ repositoryName }))
      await client.send(
        new UploadLayerPartCommand({
          repositoryName,
          uploadId,
          partFirstByte: 0,
          partLastByte: content.length - 1,
          layerPartBlob: content,
        }),
      )
      try {
        const layerDigests = [digestOf(content)]
        await client.send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests }))
      } catch (error) {
        if (!isNamed(error, 'LayerAlreadyExistsException')) throw error
      }
    },

    async putImage(
      repositoryName: string,
      imageTag: string,
      manifest: Uint8Array,
      imageManifestMediaType: string,
    ): Promise<void> {
      try {
        const imageManifest = Buffer.from(manifest).toString()
        await client.send(new PutImageCommand({ repositoryName, imageTag, imageManifest, imageManifestMediaType }))
      } catch (error) {
        if (!isNamed(error, 'ImageAlreadyExistsException')) throw error
      }
    },

    async deleteImage(repositoryName: string, imageId: ImageIdentifier): Promise<void> {
      const { failures } = await client.send(new BatchDeleteImageCommand({ repositoryName, imageIds: [imageId] }))
      if (failures?.length)
        throw new Error(`BatchDeleteImage of ${JSON.stringify(imageId)}: ${JSON.stringify(failures)}`)
    },

    close() {
      client.destroy()
    },
  }
}

export type RegistryApi = ReturnType<typeof createApi>

export function isNamed(error: unknown, name: string): boolean {
  return error instanceof ECRServiceException && error.name === name
}
