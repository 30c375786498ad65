// An audit event as a record of CloudTrail, so that what reads those reads these (AWS CloudTrail user guide, "CloudTrail record contents"
// and "userIdentity element"). Everything in it may come from an attacker: a record is one line of ASCII, however long, deep or strange
// the parameters of the request were, and holds no secret.

import { randomUUID } from 'node:crypto'
import type { AuditEvent, AuditIdentity } from './audit-event.ts'

const maxText = 4096
const maxUserAgent = 1024
const maxDepth = 12
const maxItems = 100
const maxKey = 256
/** Values of one record, so that wide and deep does not become long. */
const maxValues = 5000

/** CloudTrail's own word, which its readers know. */
const hidden = 'HIDDEN_DUE_TO_SECURITY_REASONS'

/** Members whose values are never written, at any depth; compared without case and punctuation. */
const secrets = new Set([
  ...['secretaccesskey', 'sessiontoken', 'authorizationtoken', 'webidentitytoken', 'samlassertion', 'tokencode'],
  ...['password', 'oldpassword', 'newpassword', 'secret', 'secretkey', 'clientsecret', 'privatekey'],
  ...['authorization', 'signature', 'xamzsignature', 'xamzsecuritytoken', 'downloadurl', 'layerpartblob'],
])

/** The lines of an event, one for each account, each with its line end and of at most `maxBytes`. */
export function auditLines(event: AuditEvent, maxBytes: number): string[] {
  const recipients = [...new Set(event.recipients)]
  const sharedEventId = recipients.length > 1 ? randomUUID() : undefined
  return (recipients.length > 0 ? recipients : [undefined]).map((recipient) =>
    lineOf(recordOf(event, recipient, sharedEventId), maxBytes),
  )
}

function recordOf(event: AuditEvent, recipient: string | undefined, sharedEventId: string | undefined) {
  const { error, userAgent } = event
  return {
    eventVersion: '1.11',
    userIdentity: identityOf(event),
    eventTime: timeText(event.at),
    eventSource: `${event.source}.amazonaws.com`,
    eventName: event.name,
    awsRegion: event.region,
    sourceIPAddress: event.sourceAddress,
    ...(userAgent === undefined ? {} : { userAgent: cut(userAgent, maxUserAgent) }),
    ...(error ? { errorCode: error.code, errorMessage: error.message } : {}),
    requestParameters: event.requestParameters ?? null,
    responseElements: event.responseElements ?? null,
    requestID: event.requestId,
    eventID: randomUUID(),
    readOnly: event.isReadOnly,
    ...(event.resources
      ? {
          resources: event.resources.map(({ arn, accountId, type }) => ({
            accountId,
            ...(type === undefined ? {} : { type }),
            ARN: arn,
          })),
        }
      : {}),
    eventType: 'AwsApiCall',
    managementEvent: event.category === 'Management',
    ...(recipient === undefined ? {} : { recipientAccountId: recipient }),
    ...(sharedEventId === undefined ? {} : { sharedEventID: sharedEventId }),
    eventCategory: event.category,
  }
}

function identityOf({ identity, claimedAccessKeyId, source }: AuditEvent): object {
  if (!identity) {
    // People do send their secret in the place of the id: what is not made like an id is not shown.
    const claimed = claimedAccessKeyId
    const shown = claimed !== undefined && /^A(?:KIA|SIA)[A-Z0-9]{12,124}$/.test(claimed) ? claimed : hidden
    return { type: 'Unknown', ...(claimed === undefined ? {} : { accessKeyId: shown }) }
  }
  const { session, ...rest } = identity
  return {
    ...rest,
    ...(identity.type === 'AWSService' ? { invokedBy: `${source}.amazonaws.com` } : {}),
    ...(session ? { sessionContext: sessionOf(session) } : {}),
  }
}

function sessionOf({ issuer, webIdProvider, createdAt, isMfaAuthenticated }: NonNullable<AuditIdentity['session']>) {
  return {
    ...(issuer ? { sessionIssuer: { ...issuer, type: issuer.type === 'User' ? 'IAMUser' : issuer.type } } : {}),
    ...(webIdProvider ? { webIdFederationData: { federatedProvider: webIdProvider, attributes: {} } } : {}),
    attributes: { creationDate: timeText(createdAt), mfaAuthenticated: String(isMfaAuthenticated) },
  }
}

/** To the second, as CloudTrail has it: there are readers that expect no more. */
function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** The longest texts make room first, then the parameters, and at last everything that is not the event itself. */
function lineOf(record: ReturnType<typeof recordOf>, maxBytes: number): string {
  for (const length of [maxText, 1024, 256, 64]) {
    const copy = boundedCopy(record, maxBytes, (text) => cut(text, length))
    const line = copy === undefined ? undefined : asciiJson(copy)
    if (line !== undefined && line.length < maxBytes) return `${line}\n`
  }
  const omitted = { omitted: true }
  const { resources, ...bare } = {
    ...record,
    requestParameters: record.requestParameters === null ? null : omitted,
    responseElements: record.responseElements === null ? null : omitted,
  }
  // What must be escaped would take six bytes for each of its letters.
  return `${asciiJson(boundedCopy(bare, maxBytes, (text) => cut(text, 64).replace(/[^ !#-[\]-~]/g, '?')))}\n`
}

/**
 * JSON in printable ASCII. Not only line ends must be escaped: U+2028 is one to some readers, U+009B begins a terminal's sequence, U+202E turns
 * the line around; and a reader that looks for `${` in its text (Log4j did) finds none.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]|\$(?=\{)/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`
}

/**
 * A copy without secrets, in which nothing is deeper or more than the bounds, or longer than its texts are made. Undefined when the texts
 * alone are longer than `maxLength`: what cannot fit is not serialised.
 */
function boundedCopy(record: object, maxLength: number, shorten: (text: string) => string): unknown {
  let values = 0
  let length = 0

  function copy(original: unknown, depth: number): unknown {
    values += 1
    if (values > maxValues || depth > maxDepth || length > maxLength) return '...'
    if (typeof original === 'string') {
      const text = shorten(original)
      length += text.length
      return text
    }
    if (typeof original === 'bigint') return original.toString()
    if (typeof original !== 'object' || original === null) return original
    if (original instanceof Date) return original.toJSON()
    if (ArrayBuffer.isView(original)) return `(${original.byteLength} bytes)`
    if (Array.isArray(original)) {
      const items = original.slice(0, maxItems).map((item) => copy(item, depth + 1))
      return original.length > maxItems ? [...items, `... (${original.length} items)`] : items
    }
    // Without a prototype: a member may be called `__proto__`.
    const members: Record<string, unknown> = Object.create(null)
    for (const [index, [key, member]] of Object.entries(original).entries()) {
      if (index === maxItems || values > maxValues || length > maxLength) {
        members['...'] = `(${Object.keys(original).length} members)`
        break
      }
      const isSecret =
        member !== null && member !== undefined && secrets.has(key.toLowerCase().replace(/[^a-z0-9]/g, ''))
      length += Math.min(key.length, maxKey)
      members[cut(key, maxKey)] = isSecret ? hidden : copy(member, depth + 1)
    }
    return members
  }

  const whole = copy(record, 0)
  return length > maxLength ? undefined : whole
}
