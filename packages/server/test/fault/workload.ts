// Clients that push, move, delete and look, all at the same time, and write what they were told into a ledger.
//
// Each lane is one client with tags and images of its own in repositories that all share, so that every tag and image has one writer while
// the database, the blob folders and the layers do not: lanes push the same layers at the same time (from `hot`), into several
// repositories, mount them across, and skip what a HEAD finds. Observers read exactly what is being changed at the moment.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, type PushMode, UnexpectedAnswer } from '../support/docker-wire.ts'
import type { Ledger, Operation, Value } from './ledger.ts'
import type { Target } from './target.ts'

export interface WorkloadOptions {
  ledger: Ledger
  /** They exist already, and in the ledger. */
  repositories: string[]
  random: Random
  lanes?: number
  /** What lanes and what they make are called; another one for each workload on the same registry. */
  laneName?: string
  observers?: number
  /** Sizes of layers, in bytes: one is drawn, then varied a little. */
  layerSizes?: number[]
  /** Answers that say that nothing was done, such as 507 on a full disk: the lane goes on. */
  isRefusal?(error: unknown): boolean
}

export type Random = () => number

/** A repeatable sequence in [0, 1). The order of what the lanes do is not repeatable; what each does is, roughly. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const there = 'there'
export const name = {
  repository: (repository: string) => `repository ${repository}`,
  tag: (repository: string, tag: string) => `tag ${repository}:${tag}`,
  image: (repository: string, digest: string) => `image ${repository}@${digest}`,
  blob: (repository: string, digest: string) => `blob ${repository}@${digest}`,
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
const ociIndex = 'application/vnd.oci.image.index.v1+json'

interface Manifest {
  repository: string
  bytes: Buffer
  mediaType: string
}

interface Lane {
  name: string
  /** By `<repository>:<tag>`. What the tag holds is in the ledger. */
  tags: Map<string, { repository: string; tag: string }>
  /** By digest, the newest last. */
  manifests: Map<string, Manifest>
  /** Blobs that were acknowledged, newest last: what may be mounted. */
  blobs: { repository: string; digest: string }[]
  /** Uploads that are under way, to be gone on with after a fault. */
  uploads: Set<OpenUpload>
  count: number
}

/** An upload that had not ended when the fault came. */
export interface OpenUpload {
  repository: string
  location: string
  content: Buffer
  /** Bytes whose 202 arrived. */
  acknowledged: number
  /** Bytes that were sent, with or without an answer. */
  sent: number
  /** The closing PUT was sent. */
  finishing: boolean
}

/** On both sides of 64 KiB, where a blob becomes a file, and of 1 MiB, the size of a write; small ones most. */
export const everySize = [
  700, 700, 5_000, 5_000, 20_000, 65_535, 65_536, 65_537, 150_000, 300_000, 1_100_000, 2_500_000,
]

export interface Run {
  /** From now on a broken request is the fault's doing; each lane ends at its first. */
  expectFailure(): void
  /** The lanes end after what they are doing. */
  drain(): Promise<void>
  /** When all lanes have ended. */
  ended: Promise<void>
  /** What no fault explains: refusals, wrong values. */
  problems: string[]
  /** Operations that the server refused with an answer that `isRefusal` knows. */
  refused: number
}

export function createWorkload(options: WorkloadOptions) {
  const { ledger, random, repositories } = options
  const layerSizes = options.layerSizes ?? everySize
  const changing = new Set<string>()
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const chance = (probability: number) => random() < probability
  const freshLayer = () => randomBytes(Math.max(1, pick(layerSizes) - (chance(0.5) ? 0 : Math.floor(random() * 300))))
  const hot = Array.from({ length: 4 }, freshLayer)
  const lanes: Lane[] = Array.from({ length: options.lanes ?? 8 }, (_, index) => ({
    name: `${options.laneName ?? 'lane'}-${index}`,
    tags: new Map(),
    manifests: new Map(),
    blobs: [],
    uploads: new Set(),
    count: 0,
  }))

  /** Sends what changes these registers, and writes down what became of it. */
  async function change(changes: [string, Value][], act: () => Promise<unknown>): Promise<void> {
    const operation: Operation = ledger.begin(changes)
    for (const [register] of changes) changing.add(register)
    try {
      await act()
      operation.acknowledge()
    } catch (error) {
      if (options.isRefusal?.(error)) operation.refuse()
      throw error
    } finally {
      for (const [register] of changes) changing.delete(register)
    }
  }

  const held = (register: string): Value | 'unknown' => {
    const may = [...ledger.may(register)]
    return may.length === 1 ? may[0] : 'unknown'
  }

  function liveTags(lane: Lane, repository?: string) {
    return [...lane.tags.values()].filter((each) => {
      const value = held(name.tag(each.repository, each.tag))
      return value !== undefined && value !== 'unknown' && (repository === undefined || repository === each.repository)
    })
  }

  function tagsOf(lane: Lane, repository: string, digest: string): string[] {
    return liveTags(lane, repository).flatMap(({ tag }) => (held(name.tag(repository, tag)) === digest ? [tag] : []))
  }

  function run(target: Target): Run {
    const { wire, api } = target
    let stopping = false
    let failureIsExpected = false
    const problems: string[] = []
    const state = { refused: 0 }

    async function pushBlob(lane: Lane, repository: string, content: Buffer): Promise<string> {
      const digest = digestOf(content)
      const register = name.blob(repository, digest)
      if (chance(0.3)) {
        const read = ledger.reading(register)
        if (await wire.hasBlob(repository, digest)) {
          noteProblem(read(there))
          return digest
        }
      }
      const source = lane.blobs.find((blob) => blob.digest === digest && blob.repository !== repository)
      if (source && chance(0.5)) {
        const operation = ledger.begin([[register, there]])
        const mounted = await wire.mountBlob(repository, digest, source.repository)
        if (mounted) operation.acknowledge()
        else operation.refuse()
        if (mounted) return digest
      }
      const way = random()
      if (api && way < 0.15) {
        await change([[register, there]], () => api.pushLayer(repository, content))
      } else if (way < 0.45 && content.length > 2) {
        await pushChunks(lane, repository, content)
      } else {
        const mode: PushMode = way < 0.6 ? 'single-post' : 'monolithic'
        await change([[register, there]], () => wire.pushBlob(repository, content, mode))
      }
      lane.blobs.push({ repository, digest })
      if (lane.blobs.length > 50) lane.blobs.shift()
      return digest
    }

    async function pushChunks(lane: Lane, repository: string, content: Buffer): Promise<void> {
      const chunkBytes = Math.ceil(content.length / (1 + Math.floor(random() * 4)))
      const started = await wire.startUpload(repository)
      const upload: OpenUpload = { repository, content, acknowledged: 0, sent: 0, finishing: false, ...started }
      lane.uploads.add(upload)
      while (upload.acknowledged < content.length) {
        const chunk = content.subarray(upload.acknowledged, upload.acknowledged + chunkBytes)
        upload.sent = upload.acknowledged + chunk.length
        Object.assign(upload, await wire.uploadChunk(upload, chunk, upload.acknowledged))
        upload.acknowledged = upload.sent
      }
      upload.finishing = true
      const digest = digestOf(content)
      await change([[name.blob(repository, digest), there]], () => wire.finishUpload(upload, digest))
      lane.uploads.delete(upload)
    }

    async function makeManifest(lane: Lane, repository: string, layers: number): Promise<Manifest> {
      const config = Buffer.from(
        JSON.stringify({ architecture: 'amd64', os: 'linux', id: `${lane.name} ${++lane.count}` }),
      )
      const contents = Array.from({ length: layers }, () => {
        if (chance(0.2)) hot[Math.floor(random() * hot.length)] = freshLayer()
        return chance(0.4) ? pick(hot) : freshLayer()
      })
      // docker pushes the layers of an image at the same time. All of them end before the lane goes on, or ends.
      const pushes = await Promise.allSettled(
        [config, ...contents].map((content) => pushBlob(lane, repository, content)),
      )
      const [configDigest, ...layerDigests] = pushes.map((push) => {
        if (push.status === 'rejected') throw push.reason
        return push.value
      })
      const value = {
        schemaVersion: 2,
        mediaType: ociManifest,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: config.length },
        layers: layerDigests.map((digest, index) => ({
          mediaType: 'application/vnd.oci.image.layer.v1.tar',
          digest,
          size: contents[index]?.length,
        })),
      }
      return { repository, mediaType: ociManifest, bytes: Buffer.from(JSON.stringify(value)) }
    }

    async function putManifest(lane: Lane, manifest: Manifest, tag: string | undefined): Promise<string> {
      const { repository, bytes, mediaType } = manifest
      const digest = digestOf(bytes)
      if (tag) lane.tags.set(`${repository}:${tag}`, { repository, tag })
      const changes: [string, Value][] = [[name.image(repository, digest), there]]
      if (tag) changes.push([name.tag(repository, tag), digest])
      await change(changes, () =>
        api && tag && chance(0.2)
          ? api.putImage(repository, tag, bytes, mediaType)
          : wire.putManifest(repository, tag ?? digest, bytes, mediaType),
      )
      lane.manifests.set(digest, manifest)
      if (lane.manifests.size > 50) lane.manifests.delete(lane.manifests.keys().next().value as string)
      return digest
    }

    const newTag = (lane: Lane) => `${lane.name}-${++lane.count}`
    const layerCount = () => 1 + Math.floor(random() * 3)

    const pushImage = async (lane: Lane, repository: string) => {
      await putManifest(lane, await makeManifest(lane, repository, layerCount()), newTag(lane))
    }

    const moveTag = async (lane: Lane, repository: string) => {
      const old = chance(0.3) ? liveTags(lane, repository)[0]?.tag : undefined
      await putManifest(lane, await makeManifest(lane, repository, 1), old ?? `${lane.name}-latest`)
    }

    const tagAgain = async (lane: Lane) => {
      const digests = [...lane.manifests.keys()].filter((digest) => {
        const { repository } = lane.manifests.get(digest) as Manifest
        return held(name.image(repository, digest)) === there
      })
      if (digests.length === 0) return
      const manifest = lane.manifests.get(pick(digests)) as Manifest
      await putManifest(lane, manifest, chance(0.5) ? newTag(lane) : `${lane.name}-latest`)
    }

    const pushIndex = async (lane: Lane, repository: string) => {
      const children = [await makeManifest(lane, repository, 1), await makeManifest(lane, repository, 1)]
      for (const child of children) await putManifest(lane, child, undefined)
      // They are an index's now: to delete one of them would be refused.
      for (const child of children) lane.manifests.delete(digestOf(child.bytes))
      const index = {
        schemaVersion: 2,
        mediaType: ociIndex,
        manifests: children.map(({ bytes, mediaType }, number) => ({
          mediaType,
          digest: digestOf(bytes),
          size: bytes.length,
          platform: { os: 'linux', architecture: number === 0 ? 'amd64' : 'arm64' },
        })),
      }
      const manifest = { repository, mediaType: ociIndex, bytes: Buffer.from(JSON.stringify(index)) }
      await putManifest(lane, manifest, newTag(lane))
    }

    const removeTag = async (lane: Lane, repository: string) => {
      const tag = liveTags(lane, repository)[0]?.tag
      if (tag === undefined) return
      const digest = held(name.tag(repository, tag)) as string
      const changes: [string, Value][] = [[name.tag(repository, tag), undefined]]
      if (api && chance(0.5)) {
        // ECR: the image goes with its last tag.
        if (tagsOf(lane, repository, digest).length === 1) changes.push([name.image(repository, digest), undefined])
        await change(changes, () => api.deleteImage(repository, { imageTag: tag }))
      } else if (api) {
        await change(changes, () => wire.deleteManifest(repository, tag))
      }
    }

    const removeImage = async (lane: Lane, repository: string) => {
      const tag = liveTags(lane, repository)[0]?.tag
      if (tag === undefined) return
      const digest = held(name.tag(repository, tag)) as string
      const changes: [string, Value][] = [[name.image(repository, digest), undefined]]
      for (const each of tagsOf(lane, repository, digest)) changes.push([name.tag(repository, each), undefined])
      await change(changes, () =>
        api && chance(0.5)
          ? api.deleteImage(repository, { imageDigest: digest })
          : wire.deleteManifest(repository, digest),
      )
    }

    const scratchRepository = async (lane: Lane) => {
      if (!api) return
      const repository = `scratch/${lane.name}-${++lane.count}`
      await change([[name.repository(repository), there]], () => api.createRepository(repository))
      const content = randomBytes(pick([500, 100_000]))
      const blob: [string, Value] = [name.blob(repository, digestOf(content)), there]
      await change([blob], () => wire.pushBlob(repository, content, 'monolithic'))
      if (chance(0.3)) return
      const gone: [string, Value][] = [
        [name.repository(repository), undefined],
        [blob[0], undefined],
      ]
      await change(gone, () => api.deleteRepository(repository))
    }

    const deeds: [weight: number, (lane: Lane, repository: string) => Promise<void>][] = [
      [35, pushImage],
      [25, moveTag],
      [10, tagAgain],
      [6, pushIndex],
      [8, removeTag],
      [6, removeImage],
      [5, scratchRepository],
    ]
    const weights = deeds.reduce((sum, [weight]) => sum + weight, 0)

    function drawDeed() {
      let at = random() * weights
      for (const [weight, deed] of deeds) {
        at -= weight
        if (at < 0) return deed
      }
      return pushImage
    }

    function noteProblem(problem: string | undefined): void {
      if (problem) problems.push(problem)
    }

    async function repeat(what: string, act: () => Promise<void>): Promise<void> {
      while (!stopping) {
        try {
          await act()
        } catch (error) {
          if (options.isRefusal?.(error)) {
            state.refused++
            await sleep(20)
            continue
          }
          if (!failureIsExpected) noteProblem(`${what}: ${describe(error)}`)
          else if (error instanceof UnexpectedAnswer && error.answer.status < 500)
            noteProblem(`${what}: ${describe(error)}`)
          return
        }
      }
    }

    async function observe(): Promise<void> {
      const names = [...changing]
      const register = names.length > 0 ? pick(names) : undefined
      const [, kind, repository, reference] = /^(\S+) ([^@:]+)[@:](.+)$/.exec(register ?? '') ?? []
      if (!register || !repository || !reference) {
        await sleep(2)
        return
      }
      const read = ledger.reading(register)
      if (kind === 'blob') {
        if (await wire.hasBlob(repository, reference)) noteProblem(read(there))
      } else if (kind === 'image') {
        if (await wire.getManifest(repository, reference)) noteProblem(read(there))
      } else if (api && chance(0.3)) {
        const digest = await api.resolveTag(repository, reference)
        if (digest) noteProblem(read(digest))
      } else {
        const manifest = await wire.getManifest(repository, reference)
        if (manifest) noteProblem(read(digestOf(manifest)))
      }
    }

    const ended = Promise.all([
      ...lanes.map((lane) => repeat(lane.name, () => drawDeed()(lane, pick(repositories)))),
      ...Array.from({ length: options.observers ?? 2 }, (_, index) => repeat(`observer-${index}`, observe)),
    ]).then(() => undefined)

    return {
      expectFailure() {
        failureIsExpected = true
      },
      async drain() {
        stopping = true
        await ended
      },
      ended,
      problems,
      get refused() {
        return state.refused
      },
    }
  }

  return {
    run,
    /** Uploads that had not ended; they are forgotten here, and the caller's to end. */
    takeUploads(): OpenUpload[] {
      const uploads = lanes.flatMap((lane) => [...lane.uploads])
      for (const lane of lanes) lane.uploads.clear()
      return uploads
    },
  }
}

export type Workload = ReturnType<typeof createWorkload>

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? ` (${error.code})` : ''
  return `${error.name}: ${error.message}${code}`
}
