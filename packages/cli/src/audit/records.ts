// Records of the audit log as an operator reads them. What they hold came from strangers, and the files may have been changed since: no
// member is believed to be what it should be, and nothing in them reaches the terminal as anything but text.

export type AuditRecord = Readonly<Record<string, unknown>>

/** Undefined for what is no record: a line that was cut, or anything else. */
export function parseRecord(line: string): AuditRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  return isObject(value) && typeof value.eventTime === 'string' && typeof value.eventName === 'string'
    ? value
    : undefined
}

/** A member of members; empty where there is none, or no text. */
export function textOf(record: unknown, ...path: readonly string[]): string {
  const value = path.reduce((inner: unknown, name) => (isObject(inner) ? inner[name] : undefined), record)
  return typeof value === 'string' ? value : ''
}

export function resourcesOf(record: AuditRecord): string[] {
  const resources = Array.isArray(record.resources) ? record.resources : []
  return resources.map((resource) => textOf(resource, 'ARN')).filter((arn) => arn !== '')
}

/** `user/alice`, `assumed-role/ci/run-7`, a subject of a provider, a service, or `unknown`. */
export function principalOf(record: AuditRecord): string {
  const identity = (name: string) => textOf(record, 'userIdentity', name)
  const name =
    withinAccount(identity('arn')) || identity('userName') || identity('invokedBy') || identity('principalId')
  const account = identity('accountId')
  if (name === '') return `unknown ${identity('accessKeyId')}`.trim()
  return account === '' || account === textOf(record, 'recipientAccountId') ? name : `${account}:${name}`
}

/** `ecr:PutImage`. */
export function eventOf(record: AuditRecord): string {
  return `${textOf(record, 'eventSource').replace(/\.amazonaws\.com$/, '')}:${textOf(record, 'eventName')}`
}

const maxMessage = 300

/** Time, account, who, event, resource, address, and what was wrong: one line. */
export function describeRecord(record: AuditRecord): string {
  const [resource = '-', ...others] = resourcesOf(record).map(withinAccount)
  const error = [textOf(record, 'errorCode'), textOf(record, 'errorMessage')].filter((text) => text !== '').join(': ')
  return [
    textOf(record, 'eventTime'),
    textOf(record, 'recipientAccountId') || '-',
    principalOf(record),
    eventOf(record),
    others.length > 0 ? `${resource} (+${others.length})` : resource,
    textOf(record, 'sourceIPAddress') || '-',
    error.length > maxMessage ? `${error.slice(0, maxMessage)}...` : error,
  ]
    .filter((text) => text !== '')
    .map(printable)
    .join('  ')
}

/** Without line ends, sequences of the terminal, and letters that turn a line around or are not seen. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`)
}

/** `repository/team/app` of `arn:aws:ecr:us-east-1:123456789012:repository/team/app`. */
function withinAccount(arn: string): string {
  return arn.split(':').slice(5).join(':') || arn
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
