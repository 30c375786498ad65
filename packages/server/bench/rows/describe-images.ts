// The first page of DescribeImages through the ECR API. No peer has it.

import { DescribeImagesCommand, type ECRClient } from '@aws-sdk/client-ecr'
import { annotated, manifestType } from '../load/content.ts'
import type { RequestTemplate } from '../load/jobs.ts'
import type { RunningBerth } from '../peers/berth.ts'
import { clientsText, group, type Row, type SetUp } from './row.ts'

const levels = [100, 10_000]
const repositoryOf = (level: number) => `bench/images-${level}`

/** A signed request for each level; it is replayed, so signing costs the client nothing. */
type State = Map<number, RequestTemplate>

export const describeImages = group<State>({
  name: 'DescribeImages',
  onlyBerth: true,
  rows: levels.flatMap((level) => [1, 8, 32].map((clients) => row(level, clients))),
  async setUp(setUp) {
    const state: State = new Map()
    for (const level of levels) {
      if (![...setUp.rows].some((row) => row.includes(` ${level.toLocaleString('en')},`))) continue
      await fill(setUp, level)
      state.set(level, await signedRequest((setUp.peer as RunningBerth).ecr, repositoryOf(level)))
    }
    return state
  },
})

function row(level: number, clients: number): Row<State> {
  return {
    name: `DescribeImages, first 100 of ${level.toLocaleString('en')}, ${clientsText(clients)}`,
    unit: 'op/s',
    quick: clients === 8,
    ...(clients === 8 && { series: 'DescribeImages, first 100' }),
    job: ({ peer, state, scale }) => ({
      kind: 'requests',
      target: { ...peer.target, headers: {} },
      clients,
      amount: { seconds: scale.seconds },
      requests: [state.get(level) as RequestTemplate],
    }),
  }
}

async function fill({ peer, load }: SetUp, level: number): Promise<void> {
  const repository = repositoryOf(level)
  await peer.createRepository(repository)
  const push = { clients: 1, amount: { count: 1 }, repository, tagPrefix: 'first-', layerSizes: [1000] }
  const { images = [] } = await load.run({ kind: 'push', target: peer.target, upload: 'monolithic', ...push })
  const requests = Array.from({ length: level - 1 }, (_, i) => ({
    method: 'PUT',
    path: `/v2/${repository}/manifests/i${i}`,
    headers: { 'Content-Type': manifestType },
    body: annotated(images[0]?.manifest ?? '{}', `${i}`),
    status: 201,
  }))
  await load.run({ kind: 'requests', target: peer.target, clients: 16, amount: { count: requests.length }, requests })
}

/** Has Amazon's client make and sign the request, and takes it down as it leaves. */
async function signedRequest(ecr: ECRClient, repositoryName: string): Promise<RequestTemplate> {
  let taken: RequestTemplate | undefined
  const name = 'takeDown'
  ecr.middlewareStack.add(
    (next) => (args) => {
      const { method, path, headers, body } = args.request as RequestTemplate
      const kept = Object.entries(headers ?? {}).filter(([header]) => !/^(host|content-length)$/i.test(header))
      taken = { method, path, headers: Object.fromEntries(kept), body: String(body), status: 200 }
      return next(args)
    },
    { step: 'deserialize', name, override: true },
  )
  try {
    await ecr.send(new DescribeImagesCommand({ repositoryName, maxResults: 100 }))
  } finally {
    ecr.middlewareStack.remove(name)
  }
  if (!taken) throw new Error('the client sent no request')
  return taken
}
