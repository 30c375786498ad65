// The tables of the report, and what of a row is shown in them.

import type { Result, RowResults } from './results.ts'
import { median } from './statistics.ts'

/** How many times better one peer is than another: the median of the ratios within a round. */
export function ratioOf(row: RowResults, first = '', second = ''): number {
  const ratios = row.results
    .filter((result) => result.peer === first)
    .flatMap(({ round, value }) => {
      const other = row.results.find((result) => result.peer === second && result.round === round)?.value
      return other === undefined ? [] : [row.unit === 'ms' ? other / value : value / other]
    })
  return median(ratios)
}

export const cpuPerOperation = ({ operations }: Result, seconds: number) => (seconds / operations) * 1000
export const cpuPerGigabyte = ({ bytes }: Result, seconds: number) => seconds / (bytes / 1e9)

export function valuesOf(row: RowResults, peer: string, value: (result: Result) => number): number[] {
  return row.results.filter((result) => result.peer === peer).map(value)
}

export function table(head: string[], lines: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...lines.map(line)].join('\n')
}

export function number(value: number): string {
  return value >= 100 ? whole(value) : value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
