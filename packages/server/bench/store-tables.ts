// What a store costs: Berth on each against the peers and against Berth on files, and what it asks PostgreSQL.

import type { RowResults } from './results.ts'
import type { StatementCount } from './statements/measure.ts'
import { median } from './statistics.ts'
import { number, ratioOf, table, valuesOf } from './table.ts'

const files = 'berth'
const peers = ['docker-registry', 'docker-registry on s3']
const onStore = /^berth on /
const longestText = 160

/** A line for each row and store; the ratios are those of the store to the ones at the head. */
export function storesTable(rows: readonly RowResults[]): string | undefined {
  const lines = rows.flatMap((row) =>
    row.peers
      .filter((peer) => onStore.test(peer))
      .map((peer) => {
        const isOnS3 = peer.endsWith('s3')
        const ratio = (to: string) => (row.peers.includes(to) ? ratioOf(row, peer, to).toFixed(2) : '')
        return [
          row.row,
          peer.replace(onStore, ''),
          `${number(median(valuesOf(row, peer, (result) => result.value)))} ${row.unit}`,
          ratio(files),
          ratio(peers[0] ?? ''),
          isOnS3 ? ratio(peers[1] ?? '') : '',
        ]
      }),
  )
  if (lines.length === 0) return undefined
  return table(['', 'Berth on', '', ...['Berth on files', ...peers].map((name) => `to ${name}`)], lines)
}

export function statementTable(counts: readonly StatementCount[]): string | undefined {
  if (counts.length === 0) return undefined
  return table(
    ['', 'store', 'statements', 'round trips', 'afterwards', 'requests to S3', 'afterwards', 'ms'],
    counts.map((count) => [
      count.operation,
      count.store,
      ...[count.statements, count.roundTrips, count.afterwards].map(number),
      ...[count.requests, count.requestsAfterwards, count.milliseconds].map(number),
    ]),
  )
}

/** Stores that are asked the same are named together. */
export function statementTexts(counts: readonly StatementCount[]): string | undefined {
  if (counts.length === 0) return undefined
  return [
    ...Map.groupBy(counts, ({ operation, texts, requestTexts }) =>
      [operation, ...texts, ...requestTexts].join('\n'),
    ).values(),
  ]
    .flatMap((same) => [
      `${same[0]?.operation} (${same.map(({ store }) => store).join(', ')})`,
      '',
      ...(same[0]?.texts ?? []).map((text) => `    ${shortened(text)}`),
      ...(same[0]?.requestTexts ?? []).map((text) => `    S3: ${shortened(text)}`),
      '',
    ])
    .join('\n')
}

function shortened(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text
}
