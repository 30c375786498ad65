// Clients that do not give up: they speak to several nodes, and what fails on one, since it is gone or cannot do it now, they do again on the
// next. A repetition may find that the first try was done after all; each operation knows by what it sees that.

import { setTimeout as sleep } from 'node:timers/promises'
import { ECRServiceException } from '@aws-sdk/client-ecr'
import { type DockerWire, digestOf, UnexpectedAnswer, type Upload } from '../support/docker-wire.ts'
import { isNamed, type RegistryApi, type Target } from './target.ts'

export interface SteadyOptions {
  /** After how long an operation is given up, in milliseconds. */
  patience?: number
  /** Told of everything that was tried again: the number of the target, what was wrong, and after how many milliseconds that was known. */
  onFailure?(target: number, error: unknown, afterMs: number): void
  /**
   * A crash of the database may take back the last chunks of an upload, or the upload (only the 201 promises durability): the client sends
   * them again, as docker does, and this is told of it. Without it that is an error.
   */
  onStartedOver?(upload: Upload): void
}

interface Sent {
  /** What the registry calls the upload now. */
  upload: Upload
  chunks: Buffer[]
}

type WithApi = Target & { api: RegistryApi }

/** One target out of several. Operations begin at each in turn. The targets stay the caller's to close. */
export function steadyTarget(targets: readonly Target[], options: SteadyOptions = {}): WithApi {
  let turn = 0
  const sent = new Map<string, Sent>()

  /** `tries` counts from 0. */
  async function steadily<T>(act: (target: WithApi, tries: number) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + (options.patience ?? 60_000)
    const first = turn++
    for (let tries = 0; ; tries++) {
      const number = (first + tries) % targets.length
      const target = targets[number]
      if (!target?.api) throw new Error('no target')
      const begunAt = performance.now()
      try {
        return await act({ ...target, api: target.api }, tries)
      } catch (error) {
        if (!mayPass(error)) throw error
        options.onFailure?.(number, error, performance.now() - begunAt)
        if (performance.now() > giveUpAt) {
          throw new Error(`given up after ${tries + 1} tries, the last on target ${number}`, { cause: error })
        }
        await sleep(Math.min(500, 10 * 2 ** tries))
      }
    }
  }

  /** Does something again, where an answer that says "not there" may mean that the first try had done it. */
  const steadilyOnce = (act: (target: WithApi) => Promise<void>, isDone: (error: unknown) => boolean) =>
    steadily(async (target, tries) => {
      try {
        await act(target)
      } catch (error) {
        if (tries === 0 || !isDone(error)) throw error
      }
    })

  function noteStartOver(upload: Upload, why: string): void {
    if (!options.onStartedOver) throw new Error(`the upload ${upload.location} ${why}`)
    options.onStartedOver(upload)
  }

  /** Where the upload stands; a new one in its place when it is gone. */
  async function offsetOf(wire: DockerWire, before: Sent, acknowledged: number, sentBytes: number): Promise<number> {
    const there = await wire.uploadOffset(before.upload)
    if (there !== undefined && there >= acknowledged && there <= sentBytes) return there
    const is = there === undefined ? 'is gone' : `is at ${there}`
    noteStartOver(before.upload, `${is}; ${acknowledged} bytes were acknowledged, ${sentBytes} sent`)
    before.upload = await wire.startUpload(repositoryOf(before.upload))
    return 0
  }

  const wire: DockerWire = {
    send: (...given) => steadily(({ wire }) => wire.send(...given)),
    expect: (...given) => steadily(({ wire }) => wire.expect(...given)),
    startUpload: (repository) => steadily(({ wire }) => wire.startUpload(repository)),
    uploadOffset: (upload) => steadily(({ wire }) => wire.uploadOffset(upload)),
    async uploadChunk(upload, chunk, offset) {
      const before = sent.get(upload.location) ?? { upload, chunks: [] }
      await steadily(async ({ wire }, tries) => {
        const content = Buffer.concat([...before.chunks, chunk])
        const isFirst = tries === 0 && before.upload === upload
        const there = isFirst ? offset : await offsetOf(wire, before, offset, content.length)
        try {
          if (there < content.length) await wire.uploadChunk(before.upload, content.subarray(there), there)
        } catch (error) {
          if (!isToBeginAgain(error)) throw error
          noteStartOver(upload, `was answered ${error}`)
          before.upload = await wire.startUpload(repositoryOf(upload))
          await wire.uploadChunk(before.upload, content, 0)
        }
      })
      sent.set(upload.location, { ...before, chunks: [...before.chunks, Buffer.from(chunk)] })
      // Where it goes on is what the caller knows the upload by.
      return upload
    },
    finishUpload: (upload, digest, rest) =>
      steadily(async ({ wire }, tries) => {
        const before = sent.get(upload.location) ?? { upload, chunks: [] }
        try {
          await wire.finishUpload(before.upload, digest, rest)
        } catch (error) {
          if (!isStatus(error, 404) && !isStatus(error, 400) && !isToBeginAgain(error)) throw error
          const repository = repositoryOf(upload)
          if (tries > 0 && (await wire.hasBlob(repository, digest))) return
          noteStartOver(upload, `was answered ${error}`)
          await wire.pushBlob(repository, Buffer.concat([...before.chunks, rest ?? new Uint8Array()]), 'monolithic')
        }
        sent.delete(upload.location)
      }),
    pushBlob: async (repository, content, mode, chunkBytes = 256 * 1024) => {
      if (mode !== 'chunked') return await steadily(({ wire }) => wire.pushBlob(repository, content, mode, chunkBytes))
      const digest = digestOf(content)
      let upload = await wire.startUpload(repository)
      for (let offset = 0; offset < content.length; offset += chunkBytes) {
        upload = await wire.uploadChunk(upload, content.subarray(offset, offset + chunkBytes), offset)
      }
      await wire.finishUpload(upload, digest)
      return digest
    },
    mountBlob: (...given) => steadily(({ wire }) => wire.mountBlob(...given)),
    hasBlob: (...given) => steadily(({ wire }) => wire.hasBlob(...given)),
    getBlob: (...given) => steadily(({ wire }) => wire.getBlob(...given)),
    putManifest: (...given) => steadily(({ wire }) => wire.putManifest(...given)),
    getManifest: (...given) => steadily(({ wire }) => wire.getManifest(...given)),
    deleteManifest: (...given) =>
      steadilyOnce(
        ({ wire }) => wire.deleteManifest(...given),
        (error) => isStatus(error, 404),
      ),
    listTags: (...given) => steadily(({ wire }) => wire.listTags(...given)),
    close() {},
  }

  const api: RegistryApi = {
    authorizationToken: () => steadily(({ api }) => api.authorizationToken()),
    createRepository: (name) =>
      steadilyOnce(
        ({ api }) => api.createRepository(name),
        (error) => isNamed(error, 'RepositoryAlreadyExistsException'),
      ),
    deleteRepository: (name) =>
      steadilyOnce(
        ({ api }) => api.deleteRepository(name),
        (error) => isNamed(error, 'RepositoryNotFoundException'),
      ),
    listRepositories: () => steadily(({ api }) => api.listRepositories()),
    describeImages: (...given) => steadily(({ api }) => api.describeImages(...given)),
    resolveTag: (...given) => steadily(({ api }) => api.resolveTag(...given)),
    pushLayer: (repository, content) =>
      steadily(async ({ api }) => {
        try {
          await api.pushLayer(repository, content)
        } catch (error) {
          if (!isNamed(error, 'UploadNotFoundException')) throw error
          noteStartOver({ location: `of a layer in ${repository}` }, `was answered ${error}`)
          await api.pushLayer(repository, content)
        }
      }),
    putImage: (...given) => steadily(({ api }) => api.putImage(...given)),
    deleteImage: (...given) =>
      steadilyOnce(
        ({ api }) => api.deleteImage(...given),
        (error) => error instanceof Error && error.message.includes('ImageNotFound'),
      ),
    close() {},
  }

  return { wire, api, close() {} }
}

/** Whether another node, or the same one later, may do better: no answer at all, or one that says so. */
export function mayPass(error: unknown): boolean {
  if (error instanceof UnexpectedAnswer) return error.answer.status >= 500 || error.answer.status === 429
  if (error instanceof ECRServiceException) {
    return (error.$metadata.httpStatusCode ?? 500) >= 500 || error.name === 'ThrottlingException'
  }
  return isOfConnection(error)
}

/** No answer came: refused, reset, ended, silent. */
export function isOfConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return (
    /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)$/.test(code) ||
    error.name === 'TimeoutError' ||
    /silent for too long|cut short|socket hang up/.test(error.message)
  )
}

const repositoryOf = ({ location }: Upload) => /^\/v2\/(.+)\/blobs\/uploads\//.exec(location)?.[1] ?? ''

/** What was acknowledged of an upload is lost, and the registry says so. */
function isToBeginAgain(error: unknown): boolean {
  return error instanceof UnexpectedAnswer && error.answer.body.includes('Begin the upload again')
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof UnexpectedAnswer && error.answer.status === status
}
