// One request of each kind, again and again, while something that the registry stands on is away: what is answered, and how soon.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ECRServiceException } from '@aws-sdk/client-ecr'
import { UnexpectedAnswer } from '../support/docker-wire.ts'
import type { Target } from './target.ts'
import { type Base, imageOf, ociManifest, pushBase } from './tiny-image.ts'

export interface ProbeAnswer {
  kind: string
  /** 200 for any success, the status of a refusal, or how the connection broke. */
  outcome: number | string
  /** When it was sent, in milliseconds since the probes began. */
  at: number
  ms: number
}

export interface Probes {
  /** Each kind at the same time, then again, for so long. The last ones may still be under way at the end, and are waited for. */
  during(ms: number): Promise<ProbeAnswer[]>
}

/** Makes what the probes ask for, while all is well. */
export async function createProbes(target: Target, repository: string): Promise<Probes> {
  const { wire, api } = target
  if (!api) throw new Error('both wires are needed')
  await api.createRepository(repository)
  const base: Base = await pushBase(target, repository)
  await wire.putManifest(repository, 'probe', imageOf(base, 'probe'), ociManifest)
  const large = await wire.pushBlob(repository, randomBytes(300_000), 'monolithic')
  let count = 0

  const kinds: Record<string, () => Promise<unknown>> = {
    'pull of a manifest': () => wire.getManifest(repository, 'probe'),
    'HEAD of a blob': () => wire.hasBlob(repository, large),
    'pull of a blob': () => wire.getBlob(repository, large),
    'list of tags': () => wire.listTags(repository),
    'push of a manifest': () => wire.putManifest(repository, 'pushed', imageOf(base, `probe ${count++}`), ociManifest),
    'push of a blob': () => wire.pushBlob(repository, randomBytes(200_000), 'monolithic'),
    'push in chunks': () => wire.pushBlob(repository, randomBytes(200_000), 'chunked', 70_000),
    DescribeRepositories: () => api.listRepositories(),
    DescribeImages: () => api.describeImages(repository),
    PutImage: () => api.putImage(repository, 'put', imageOf(base, `probe ${count++}`), ociManifest),
    GetAuthorizationToken: () => api.authorizationToken(),
  }

  async function ask(kind: string, act: () => Promise<unknown>, startedAt: number): Promise<ProbeAnswer> {
    const begunAt = performance.now()
    const outcome = await act().then(
      () => 200,
      (error: unknown) => {
        if (error instanceof UnexpectedAnswer) return error.answer.status
        if (error instanceof ECRServiceException) return error.$metadata.httpStatusCode ?? error.name
        return String(error)
      },
    )
    return { kind, outcome, at: begunAt - startedAt, ms: performance.now() - begunAt }
  }
  return {
    async during(ms) {
      const startedAt = performance.now()
      const answers: ProbeAnswer[] = []
      await Promise.all(
        Object.entries(kinds).map(async ([kind, act]) => {
          while (performance.now() - startedAt < ms) {
            answers.push(await ask(kind, act, startedAt))
            await sleep(100)
          }
        }),
      )
      return answers
    },
  }
}

/** `GET /healthz` or `/readyz`, past all credentials. */
export async function statusOf(url: string, path: '/healthz' | '/readyz'): Promise<number> {
  const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) })
  await answer.body?.cancel()
  return answer.status
}

/** Outcomes with their counts and the longest time of each, one a line: for the output of a judge. */
export function tally(answers: readonly ProbeAnswer[]): string {
  const lines = new Map<string, { count: number; ms: number }>()
  for (const { kind, outcome, ms } of answers) {
    const line = lines.get(`${outcome} ${kind}`) ?? { count: 0, ms: 0 }
    lines.set(`${outcome} ${kind}`, { count: line.count + 1, ms: Math.max(line.ms, ms) })
  }
  return [...lines]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([text, { count, ms }]) => `  ${text}: ${count}, the slowest after ${Math.round(ms)} ms`)
    .join('\n')
}
