// What the audit log of a registry under test says: its files, read as those who ship them do.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContractRegistry } from './contract-registry.ts'
import { until } from './until.ts'

export type AuditRecord = Record<string, unknown> & {
  eventName: string
  userIdentity: Record<string, unknown>
  errorCode?: string
  errorMessage?: string
}

type Tuple<N extends 1 | 2 | 4> = {
  1: [AuditRecord]
  2: [AuditRecord, AuditRecord]
  4: [AuditRecord, AuditRecord, AuditRecord, AuditRecord]
}[N]

export interface AuditRecords {
  /** The bytes of the files. */
  raw(): Promise<string>
  /** What was written since the last time that somebody asked: all of it, in its order. */
  next(): Promise<AuditRecord[]>
  /** The same, when it has to be so many. */
  exactly<N extends 1 | 2 | 4>(count: N): Promise<Tuple<N>>
}

export function auditRecords(registry: ContractRegistry): AuditRecords {
  const folder = join(registry.dataDir, 'audit')
  let seen = 0
  let marks = 0

  async function raw(): Promise<string> {
    const names = (await readdir(folder).catch(() => [])).toSorted()
    return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('')
  }

  async function next(): Promise<AuditRecord[]> {
    marks += 1
    const mark = `audit-mark-${marks}`
    await registry.aws.ok('CreateRepository', { repositoryName: mark })
    await until(`the audit log has ${mark}`, async () => (await raw()).includes(`{"repositoryName":"${mark}"}`))
    const lines = (await raw()).split('\n')
    assert.equal(lines.pop(), '', 'the last line has its end')
    const records = lines.map((line) => JSON.parse(line) as AuditRecord)
    const fresh = records.slice(seen)
    seen = records.length
    return fresh.filter(({ requestParameters }) => !JSON.stringify(requestParameters).includes('"audit-mark-'))
  }

  return {
    raw,
    next,
    async exactly<N extends 1 | 2 | 4>(count: N) {
      const records = await next()
      assert.equal(records.length, count, JSON.stringify(records))
      return records as Tuple<N>
    },
  }
}

/** In short: what, by whom, and how it ended. */
export function inShort(records: readonly AuditRecord[]): string[] {
  return records.map(({ eventName, userIdentity, errorCode }) => {
    const who = String(userIdentity.arn ?? userIdentity.type).replace(/^arn:aws:(?:iam|sts)::/, '')
    return `${eventName} ${who}${errorCode === undefined ? '' : ` ${errorCode}`}`
  })
}
