// What `berth audit grep` looks for. All filters that are given must hold.

import type { BlockList } from 'node:net'
import { isIP, isIPv6 } from 'node:net'
import { asciiJson } from '@berth/server/audit/audit-record.ts'
import { type AuditRecord, eventOf, principalOf, resourcesOf, textOf } from './records.ts'

export interface Filters {
  principal?: string
  event?: string
  /** True: any. */
  error?: string | true
  denied?: true
  resource?: string
  account?: string
  sourceIp?: BlockList
  since?: number
  until?: number
}

export function createFilter(filters: Filters): (record: AuditRecord) => boolean {
  const { principal, event, error, denied, resource, account, sourceIp, since, until } = filters
  const tests: ((record: AuditRecord) => boolean)[] = []
  if (principal !== undefined) {
    const isPart = partOf(principal)
    tests.push((record) => namesOf(record).some(isPart))
  }
  if (event !== undefined) {
    const isEvent = globOf(event)
    tests.push((record) => isEvent(textOf(record, 'eventName')) || isEvent(eventOf(record)))
  }
  if (error !== undefined) {
    const isError = error === true ? (code: string) => code !== '' : globOf(error)
    tests.push((record) => isError(textOf(record, 'errorCode')))
  }
  if (denied) tests.push((record) => isDenial(textOf(record, 'errorCode')))
  if (resource !== undefined) {
    const isPart = partOf(resource)
    tests.push((record) => resourcesOf(record).some(isPart))
  }
  if (account !== undefined) {
    tests.push(
      (record) =>
        textOf(record, 'recipientAccountId') === account || textOf(record, 'userIdentity', 'accountId') === account,
    )
  }
  if (sourceIp) tests.push((record) => isIn(sourceIp, textOf(record, 'sourceIPAddress')))
  if (since !== undefined) tests.push((record) => Date.parse(textOf(record, 'eventTime')) >= since)
  if (until !== undefined) tests.push((record) => Date.parse(textOf(record, 'eventTime')) <= until)
  return (record) => tests.every((test) => test(record))
}

/** Whether a line of the log holds a text, in whatever member: both are compared as they are written there. */
export function createTextFilter(text: string): (line: string) => boolean {
  const written = asciiJson(text).slice(1, -1).toLowerCase()
  return (line) => line.toLowerCase().includes(written)
}

/** All that may be known of who it was: the role behind a session too. */
function namesOf(record: AuditRecord): string[] {
  const identity = (...path: string[]) => textOf(record, 'userIdentity', ...path)
  return [
    ...[identity('arn'), identity('principalId'), identity('userName'), identity('accessKeyId')],
    ...[identity('sessionContext', 'sessionIssuer', 'arn'), principalOf(record)],
  ]
}

/** Refused by a policy: ECR's, IAM's and STS's code, and that of `/v2/`. */
function isDenial(code: string): boolean {
  return code === 'AccessDenied' || code === 'AccessDeniedException' || code === 'DENIED'
}

function partOf(part: string): (text: string) => boolean {
  const lower = part.toLowerCase()
  return (text) => text.toLowerCase().includes(lower)
}

/** `*` and `?`, without regard to case. */
function globOf(glob: string): (text: string) => boolean {
  const pattern = glob.replace(/[.*+?^${}()|[\]\\]/g, (sign) =>
    sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`,
  )
  const whole = new RegExp(`^${pattern}$`, 'is')
  return (text) => whole.test(text)
}

function isIn(ranges: BlockList, address: string): boolean {
  return isIP(address) !== 0 && ranges.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
