// Turns the raw results into tables: medians over the rounds, and ratios as the median of the rounds' own ratios.

import type { Disk } from './disk.ts'
import type { Result, RowResults } from './results.ts'
import type { StatementCount } from './statements/measure.ts'
import { median } from './statistics.ts'
import { statementTable, statementTexts, storesTable } from './store-tables.ts'
import { cpuPerGigabyte, cpuPerOperation, number, ratioOf, table, valuesOf, whole } from './table.ts'

export interface Setting {
  date: string
  commit: string
  node: string
  cpu: string
  kernel: string
  disk: Disk
  arguments: string[]
}

export function report(setting: Setting, rows: readonly RowResults[], statements: readonly StatementCount[]): string {
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
    ...section('## Stores', storesTable(rows)),
    '## Cost',
    '',
    'Latency of one operation in ms (p50 / p99); CPU of the server per operation, or per GB where the row moves bytes, and of PostgreSQL and',
    'the S3 server, where they run; peak memory of the server in MiB; longest pause of the event loop in ms (the worst round). Values in the order of the peers above.',
    '',
    costTable(rows),
    '',
    ...section('## CPU against the number of tags or images', seriesTable(rows)),
    ...section('## Counted', extraTable(rows)),
    ...section('## Statements on PostgreSQL', statementTable(statements)),
    ...section('### As they were sent', statementTexts(statements)),
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
      const ratio = ratioOf(row, peers[0], peers[1])
      const verdict = row.aim === null ? '' : ratio >= row.aim ? 'yes' : '**no**'
      return [...cells, ratio.toFixed(2), row.aim === null ? '' : `≥ ${row.aim}`, verdict]
    }),
  )
}

function costTable(rows: readonly RowResults[]): string {
  const hasStores = rows.some((row) => row.results.some((result) => result.storeCpuSeconds > 0))
  return table(
    ['', 'p50 / p99 ms', 'CPU', ...(hasStores ? ['CPU of the stores'] : []), 'peak MiB', 'pause ms'],
    rows.map((row) => {
      const each = (value: (result: Result) => number, format = number) =>
        row.peers.map((peer) => format(median(valuesOf(row, peer, value)))).join(' · ')
      const cpu = (seconds: (result: Result) => number) =>
        row.unit === 'MB/s'
          ? `${each((result) => cpuPerGigabyte(result, seconds(result)))} s/GB`
          : `${each((result) => cpuPerOperation(result, seconds(result)))} ms`
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
        cpu((result) => result.serverCpuSeconds),
        ...(hasStores ? [cpu((result) => result.storeCpuSeconds)] : []),
        each((result) => result.peakRssBytes / 1024 ** 2, whole),
        pauses.length > 0 ? whole(Math.max(...pauses)) : '',
      ]
    }),
  )
}

function seriesTable(rows: readonly RowResults[]): string | undefined {
  const cpuOf = (result: Result) => cpuPerOperation(result, result.serverCpuSeconds)
  const series = [...Map.groupBy(rows, (row) => row.series ?? '')].filter(
    ([name, members]) => name !== '' && members.length > 1,
  )
  const lines = series.flatMap(([, members]) =>
    members.flatMap((row) =>
      row.peers.map((peer) => {
        const cpu = median(valuesOf(row, peer, cpuOf))
        const least = median(valuesOf(members[0] as RowResults, peer, cpuOf))
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
