// Turns the raw results into tables: medians over the rounds, and ratios as the median of the rounds' own ratios.

import type { Disk } from './disk.ts'
import type { Result, RowResults } from './results.ts'
import { median } from './statistics.ts'

export interface Setting {
  date: string
  commit: string
  node: string
  cpu: string
  kernel: string
  disk: Disk
  arguments: string[]
}

export function report(setting: Setting, rows: readonly RowResults[]): string {
  const everything = rows.flatMap((row) => row.results)
  return [
    `# Benchmark of ${setting.date}`,
    '',
    `Commit ${setting.commit}; Node ${setting.node}; ${setting.cpu}; Linux ${setting.kernel}; \`${['npm run bench --', ...setting.arguments].join(' ')}\`.`,
    `The disk writes and syncs ${number(setting.disk.writeMBPerSecond)} MB/s, and a small sync takes ${number(setting.disk.syncMs)} ms.`,
    `Others kept ${number(median(everything.map((result) => result.backgroundCores)))} cores busy (median over all measurements).`,
    '',
    '## Speed',
    '',
    'Medians over the rounds. The ratio is the median of the ratios within a round; above 1, the first column is the better one.',
    '',
    ...peerSets(rows).flatMap((set) => [speedTable(set), '']),
    '## Cost',
    '',
    'Latency of one operation in ms (p50 / p99); CPU of the server per operation, or per GB where the row moves bytes; peak memory of its',
    'processes in MiB; longest pause of the event loop in ms (the worst round). Values in the order of the peers above.',
    '',
    costTable(rows),
    '',
    ...section('## CPU against the number of tags or images', seriesTable(rows)),
    ...section('## Counted', extraTable(rows)),
  ].join('\n')
}

/** Rows that compare the same peers share a table. */
function peerSets(rows: readonly RowResults[]): RowResults[][] {
  return [...Map.groupBy(rows, (row) => row.peers.join()).values()]
}

function speedTable(rows: readonly RowResults[]): string {
  const peers = rows[0]?.peers ?? []
  const compared = peers.length > 1
  return table(
    ['', 'unit', ...peers, ...(compared ? ['ratio', 'aim', ''] : [])],
    rows.map((row) => {
      const cells = [
        row.row,
        row.unit,
        ...peers.map((peer) => number(median(valuesOf(row, peer, (result) => result.value)))),
      ]
      if (!compared) return cells
      const ratio = ratioOf(row)
      const verdict = row.aim === null ? '' : ratio >= row.aim ? 'yes' : '**no**'
      return [...cells, ratio.toFixed(2), row.aim === null ? '' : `≥ ${row.aim}`, verdict]
    }),
  )
}

/** How many times better the first peer is than the second. */
export function ratioOf(row: RowResults): number {
  const [first = '', second = ''] = row.peers
  const ratios = row.results
    .filter((result) => result.peer === first)
    .flatMap(({ round, value }) => {
      const other = row.results.find((result) => result.peer === second && result.round === round)?.value
      return other === undefined ? [] : [row.unit === 'ms' ? other / value : value / other]
    })
  return median(ratios)
}

function costTable(rows: readonly RowResults[]): string {
  return table(
    ['', 'p50 / p99 ms', 'CPU', 'peak MiB', 'pause ms'],
    rows.map((row) => {
      const each = (value: (result: Result) => number, format = number) =>
        row.peers.map((peer) => format(median(valuesOf(row, peer, value)))).join(' · ')
      const latency = row.peers
        .map((peer) => {
          const at = (value: (result: Result) => number) => number(median(valuesOf(row, peer, value)))
          return `${at((result) => result.latencyMs.p50)} / ${at((result) => result.latencyMs.p99)}`
        })
        .join(' · ')
      const pauses = row.results.flatMap((result) => result.longestPauseMs ?? [])
      return [
        row.row,
        latency,
        row.unit === 'MB/s' ? `${each(cpuPerGigabyte)} s/GB` : `${each(cpuPerOperation)} ms`,
        each((result) => result.peakRssBytes / 1024 ** 2, whole),
        pauses.length > 0 ? whole(Math.max(...pauses)) : '',
      ]
    }),
  )
}

function seriesTable(rows: readonly RowResults[]): string | undefined {
  const series = [...Map.groupBy(rows, (row) => row.series ?? '')].filter(
    ([name, members]) => name !== '' && members.length > 1,
  )
  const lines = series.flatMap(([, members]) =>
    members.flatMap((row) =>
      row.peers.map((peer) => {
        const cpu = median(valuesOf(row, peer, cpuPerOperation))
        const least = median(valuesOf(members[0] as RowResults, peer, cpuPerOperation))
        return [row.row, peer, `${number(cpu)} ms`, `${(cpu / least).toFixed(2)} ×`]
      }),
    ),
  )
  return lines.length > 0 ? table(['', 'peer', 'CPU per operation', 'against the smallest'], lines) : undefined
}

function extraTable(rows: readonly RowResults[]): string | undefined {
  const lines = rows.flatMap((row) =>
    row.peers.flatMap((peer) => {
      const names = new Set(row.results.flatMap((result) => Object.keys(result.extra)))
      return [...names].map((name) => [
        row.row,
        peer,
        name,
        number(median(valuesOf(row, peer, (result) => result.extra[name] ?? 0))),
      ])
    }),
  )
  return lines.length > 0 ? table(['', 'server', 'what', 'median'], lines) : undefined
}

function section(title: string, body: string | undefined): string[] {
  return body === undefined ? [] : [title, '', body, '']
}

const cpuPerOperation = (result: Result) => (result.serverCpuSeconds / result.operations) * 1000
const cpuPerGigabyte = (result: Result) => result.serverCpuSeconds / (result.bytes / 1e9)

function valuesOf(row: RowResults, peer: string, value: (result: Result) => number): number[] {
  return row.results.filter((result) => result.peer === peer).map(value)
}

function table(head: string[], lines: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...lines.map(line)].join('\n')
}

function number(value: number): string {
  return value >= 100 ? whole(value) : value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
