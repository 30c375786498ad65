// Listing and setting tags in repositories of 100 to 100,000 tags.
//
// Both kinds of row use several small repositories in turn where one would grow beyond its size while tags are put. An image has at most
// 400 tags from the set-up, since ECR allows 1,000.

import { annotated, manifestType } from '../load/content.ts'
import { defaultAim, group, type Measurement, type Row, type SetUp } from './row.ts'

const levels = [100, 1_000, 10_000, 100_000]
const quickLevels = new Set([100, 10_000])
const tagsPerImage = 400
const putsPerMeasurement = 400

interface Repository {
  name: string
  manifests: string[]
}

type State = Map<number, Repository[]>

export const tags = group<State>({
  name: 'tags',
  rows: levels.flatMap((level): Row<State>[] => {
    const count = level.toLocaleString('en')
    return [
      {
        name: `tags/list, first 100 of ${count}, 8 clients`,
        unit: 'op/s',
        series: 'tags/list, first 100',
        ...common(level),
        job: (measurement) => listJob(measurement, level, () => '?n=100'),
      },
      {
        name: `tags/list, any 100 of ${count}, 8 clients`,
        unit: 'op/s',
        series: 'tags/list, any 100',
        ...common(level),
        quick: false,
        job: (measurement) => listJob(measurement, level, () => `?n=100&last=t${Math.floor(Math.random() * level)}`),
      },
      {
        name: `tags/list, all of ${count}, 1 client`,
        unit: 'op/s',
        ...common(level),
        job: ({ peer, state, scale }) => ({
          kind: 'walk',
          target: peer.target,
          clients: 1,
          amount: { seconds: scale.seconds },
          path: `/v2/${state.get(level)?.[0]?.name}/tags/list`,
        }),
      },
      {
        name: `tag PUT at ${count}, 8 clients`,
        unit: 'op/s',
        writes: true,
        series: 'tag PUT',
        ...common(level),
        job: ({ peer, state, round }) => ({
          kind: 'requests',
          target: peer.target,
          clients: 8,
          amount: { count: putsPerMeasurement },
          requests: (state.get(level) ?? []).map(({ name, manifests }) => ({
            method: 'PUT',
            path: `/v2/${name}/manifests/r${round}-{n}`,
            headers: { 'Content-Type': manifestType },
            body: manifests[round % manifests.length] ?? '',
            status: 201,
          })),
        }),
      },
    ]
  }),
  async setUp(setUp) {
    const state: State = new Map()
    for (const level of levels) {
      if (![...setUp.rows].some((row) => row.includes(` ${level.toLocaleString('en')},`))) continue
      const repositories: Repository[] = []
      for (let i = 0; i < Math.max(1, 2_000 / level); i++)
        repositories.push(await fill(setUp, `bench/tags-${level}-${i}`, level))
      state.set(level, repositories)
    }
    return state
  },
})

function common(level: number) {
  return { aim: defaultAim, quick: quickLevels.has(level) }
}

function listJob({ peer, state, scale }: Measurement<State>, level: number, query: () => string) {
  const repositories = state.get(level) ?? []
  const paths = Array.from(
    { length: 200 },
    (_, i) => `/v2/${repositories[i % repositories.length]?.name}/tags/list${query()}`,
  )
  return {
    kind: 'requests' as const,
    target: peer.target,
    clients: 8,
    amount: { seconds: scale.seconds },
    requests: paths.map((path) => ({ method: 'GET', path, status: 200 })),
  }
}

async function fill({ peer, load }: SetUp, name: string, level: number): Promise<Repository> {
  await peer.createRepository(name)
  const { images = [] } = await load.run({
    kind: 'push',
    target: peer.target,
    clients: 1,
    amount: { count: 1 },
    repository: name,
    tagPrefix: 'first-',
    layerSizes: [1000],
    upload: 'monolithic',
  })
  const manifests: string[] = []
  for (let first = 0; first < level; first += tagsPerImage) {
    const manifest = annotated(images[0]?.manifest ?? '{}', `${first}`)
    manifests.push(manifest)
    await load.run({
      kind: 'requests',
      target: peer.target,
      clients: 16,
      amount: { count: Math.min(tagsPerImage, level - first) },
      firstNumber: first,
      requests: [
        {
          method: 'PUT',
          path: `/v2/${name}/manifests/t{n}`,
          headers: { 'Content-Type': manifestType },
          body: manifest,
          status: 201,
        },
      ],
    })
  }
  return { name, manifests }
}
