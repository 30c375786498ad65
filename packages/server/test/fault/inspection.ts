// Looks at a registry after a fault: is everything there that was promised, and is everything whole that can be seen?

import { digestOf } from '../support/docker-wire.ts'
import type { Expectation, Ledger, Value } from './ledger.ts'
import type { Target } from './target.ts'
import { name, type OpenUpload, there } from './workload.ts'

export interface Findings {
  /** Registers that hold what they may not: what was acknowledged and is not so any more. */
  lost: string[]
  /** Things that can be seen and lack bytes, or have other bytes than their digest says. */
  broken: string[]
  /** What each register of the expectation holds. */
  values: Map<string, Value>
  counts: { registers: number; repositories: number; images: number; tags: number; blobs: number }
}

export interface Inspection {
  target: Target
  expectation: Expectation
  /** Checks only these registers, and does not walk through what else can be seen. */
  only?: ReadonlySet<string>
}

/** Reads every register of the expectation, then everything that the registry shows, down to the bytes of each blob. */
export async function inspect({ target, expectation, only }: Inspection): Promise<Findings> {
  const { wire, api } = target
  const lost: string[] = []
  const broken: string[] = []
  const counts = { registers: 0, repositories: 0, images: 0, tags: 0, blobs: 0 }
  const values = new Map<string, Value>()
  const hashed = new Set<string>()
  const whole = new Map<string, Promise<boolean>>()
  const read = new Map<string, Promise<Buffer | undefined>>()

  /** The manifest, which must be what its digest says. */
  function manifest(repository: string, digest: string): Promise<Buffer | undefined> {
    return once(read, `${repository}@${digest}`, async () => {
      const bytes = await wire.getManifest(repository, digest)
      if (bytes && digestOf(bytes) !== digest)
        broken.push(`manifest ${repository}@${digest} has the digest ${digestOf(bytes)}`)
      return bytes
    })
  }

  /** Whether the blob is there; if it is, its bytes must be what its digest says. */
  function blob(repository: string, digest: string): Promise<boolean> {
    return once(whole, `${repository}@${digest}`, async () => {
      counts.blobs++
      if (!(await wire.hasBlob(repository, digest))) return false
      // Every repository has its own link to a blob, and all may share the bytes: each link is followed, the bytes are hashed once.
      const hash = !hashed.has(digest)
      hashed.add(digest)
      const answer = await wire.send('GET', `/v2/${repository}/blobs/${digest}`, hash ? {} : { range: 'bytes=0-0' })
      if (answer.status !== (hash ? 200 : 206)) broken.push(`blob ${repository}@${digest} is answered ${answer.status}`)
      else if (hash && digestOf(answer.body) !== digest) {
        broken.push(
          `blob ${repository}@${digest} has ${answer.body.length} bytes with the digest ${digestOf(answer.body)}`,
        )
      }
      return true
    })
  }

  const repositories = await listRepositories(target)
  const shown = new Set(repositories)

  async function holding(register: string): Promise<Value> {
    const [, kind, repository, reference] = /^(\S+) ([^@:]+)(?:[@:](.+))?$/.exec(register) ?? []
    if (!repository) throw new Error(`no such register: ${register}`)
    if (kind === 'repository') return shown.has(repository) || !api ? there : undefined
    if (!reference) throw new Error(`no such register: ${register}`)
    if (kind === 'blob') return (await blob(repository, reference)) ? there : undefined
    if (kind === 'image') return (await manifest(repository, reference)) ? there : undefined
    const tagged = await wire.getManifest(repository, reference)
    return tagged && digestOf(tagged)
  }

  await inParallel(only ?? expectation.keys(), async (register) => {
    counts.registers++
    const may = expectation.get(register) ?? new Set([undefined])
    try {
      const value = await holding(register)
      if (!may.has(value)) {
        lost.push(
          `${register} is ${value ?? 'not there'}, and must be ${[...may].map((each) => each ?? 'not there').join(' or ')}`,
        )
      }
      values.set(register, value)
    } catch (error) {
      lost.push(`${register} cannot be read: ${error instanceof Error ? error.message : error}`)
    }
  })
  if (only) return { lost, broken, values, counts }

  async function walkManifest(repository: string, digest: string, seenIn: string): Promise<void> {
    const bytes = await manifest(repository, digest)
    if (!bytes) {
      broken.push(`manifest ${repository}@${digest} is named by ${seenIn}, and not there`)
      return
    }
    const { config, layers, manifests } = JSON.parse(bytes.toString()) as ManifestShape
    for (const { digest: child } of manifests ?? []) await walkManifest(repository, child, `${repository}@${digest}`)
    for (const descriptor of [...(config ? [config] : []), ...(layers ?? [])]) {
      if (!(await blob(repository, descriptor.digest))) {
        broken.push(
          `blob ${repository}@${descriptor.digest} is named by manifest ${digest} of ${seenIn}, and not there`,
        )
      }
    }
  }

  await inParallel(repositories, async (repository) => {
    try {
      counts.repositories++
      const images = (await api?.describeImages(repository)) ?? []
      const digestByTag = new Map(images.flatMap(({ digest, tags }) => tags.map((tag) => [tag, digest] as const)))
      const tags = (await wire.listTags(repository)) ?? []
      counts.images += images.length
      counts.tags += tags.length
      if (api && [...digestByTag.keys()].sort().join() !== [...tags].sort().join()) {
        broken.push(`${repository}: tags/list shows ${tags.length} tags, DescribeImages ${digestByTag.size} others`)
      }
      await inParallel(images, ({ digest }) => walkManifest(repository, digest, `DescribeImages of ${repository}`))
      await inParallel(tags, async (tag) => {
        const tagged = await wire.getManifest(repository, tag)
        if (!tagged) {
          broken.push(`${repository}:${tag} is listed, and not there`)
          return
        }
        const digest = digestOf(tagged)
        if (api && digestByTag.get(tag) !== digest) {
          broken.push(`${repository}:${tag} is ${digest} for docker, ${digestByTag.get(tag)} for DescribeImages`)
        }
        await walkManifest(repository, digest, `${repository}:${tag}`)
      })
    } catch (error) {
      broken.push(`${repository} cannot be walked: ${error instanceof Error ? error.message : error}`)
    }
  })
  return { lost, broken, values, counts }
}

interface ManifestShape {
  config?: { digest: string }
  layers?: { digest: string }[]
  manifests?: { digest: string }[]
}

async function listRepositories({ wire, api }: Target): Promise<string[]> {
  if (api) return await api.listRepositories()
  const answer = await wire.expect([200], 'GET', '/v2/_catalog?n=1000')
  return (JSON.parse(answer.body.toString()) as { repositories: string[] }).repositories
}

function once<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let made = memory.get(key)
  if (!made) {
    made = make()
    memory.set(key, made)
  }
  return made
}

/**
 * Goes on with uploads that a fault broke, at the offset that the server says (end-13), to their end. Returns what is wrong. A crash of
 * the process loses no chunk that was answered 202; after a power cut an upload may be shorter, or gone (docs/design/store.md).
 */
export async function resumeUploads(
  { wire }: Target,
  uploads: OpenUpload[],
  fault: 'crash' | 'power cut',
  ledger: Ledger,
): Promise<{ problems: string[]; resumed: number }> {
  const problems: string[] = []
  let resumed = 0
  await inParallel(uploads, async (upload) => {
    const { repository, location, content, acknowledged, sent, finishing } = upload
    const digest = digestOf(content)
    const is = `the upload ${location} (${acknowledged} of ${content.length} bytes acknowledged, ${sent} sent)`
    try {
      const offset = await wire.uploadOffset(upload)
      if (offset === undefined) {
        if (fault === 'crash' && !(finishing && (await wire.hasBlob(repository, digest))))
          problems.push(`${is} is gone`)
        return
      }
      if (offset > sent || (fault === 'crash' && offset < acknowledged)) {
        problems.push(`${is} is said to go on at ${offset}`)
        return
      }
      const rest = content.subarray(offset)
      const operation = ledger.begin([[name.blob(repository, digest), there]])
      await wire.finishUpload(rest.length > 0 ? await wire.uploadChunk(upload, rest, offset) : upload, digest)
      operation.acknowledge()
      const stored = await wire.getBlob(repository, digest)
      if (!stored?.equals(content))
        problems.push(`${is} went on at ${offset}, and gave ${stored ? digestOf(stored) : 'no blob'}`)
      resumed++
    } catch (error) {
      problems.push(`${is} could not be ended: ${error instanceof Error ? error.message : error}`)
    }
  })
  return { problems, resumed }
}

/** Sixteen at a time. */
export async function inParallel<T>(items: Iterable<T>, act: (item: T) => Promise<void>, width = 16): Promise<void> {
  const queue = items[Symbol.iterator]()
  const work = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) await act(next.value)
  }
  await Promise.all(Array.from({ length: width }, work))
}

/** One line for the output of a judge. */
export function summary({ counts, lost, broken }: Findings): string {
  const seen = `${counts.repositories} repositories, ${counts.images} images, ${counts.tags} tags, ${counts.blobs} blobs`
  return `${counts.registers} facts checked; ${seen} walked; ${lost.length} lost, ${broken.length} broken`
}
