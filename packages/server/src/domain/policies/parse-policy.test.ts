import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import { allow, app, githubProvider, grant, home, type Statement } from '../../../test/support/policies.ts'
import { type ParseOptions, parsePolicy, policySize } from './parse-policy.ts'
import { type PolicyKind, policyKinds } from './policy-document.ts'
import { policySizes, unknownPrincipalFault } from './policy-faults.ts'

const document = (statement: unknown, more: Statement = {}) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statement, ...more })

/** The sentence of the fault, or undefined for a policy that is accepted. */
function refusal(text: string, kind: PolicyKind, options?: ParseOptions): string | undefined {
  const parsed = parsePolicy(text, kind, options)
  return parsed.ok ? undefined : parsed.fault.sentence
}

const pull = allow()
const syntax = 'Syntax errors in policy.'
const legacy = 'The policy failed legacy parsing'
const trustOnly =
  'Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, and sts:AssumeRoleWithWebIdentity'
const vendorless = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
const condition = (operator: string, value: unknown, key = 'aws:x') =>
  document(allow({ Condition: { [operator]: { [key]: value } } }))

type Rows = [what: string, text: string, sentence: string | undefined][]

function table(kind: PolicyKind, rows: Rows): void {
  describe(`${kind}: what is refused, and in which words`, () => {
    for (const [what, text, sentence] of rows) {
      test(`${what}: ${sentence ?? 'accepted'}`, () => assert.equal(refusal(text, kind), sentence))
    }
  })
}

table('identity', [
  ['nothing', '', syntax],
  ['not JSON', '{', syntax],
  ['a byte too many', `${document(pull)}x`, syntax],
  ['not an object', '[]', syntax],
  ['a string', '"policy"', syntax],
  ['null', 'null', syntax],
  ['an empty object', '{}', syntax],
  ['no statement', '{"Version":"2012-10-17"}', syntax],
  ['no statements', document([]), syntax],
  ['a statement that is text', document('all'), syntax],
  ['a list within the list', document([[pull]]), syntax],
  ['one statement', document(pull), undefined],
  ['a list of one', document([pull]), undefined],
  ['an Id', document(pull, { Id: 'x' }), undefined],
  ['an Id that is a number', document(pull, { Id: 7 }), syntax],
  ['no version', JSON.stringify({ Statement: pull }), undefined],
  ['the old version', document(pull, { Version: '2008-10-17' }), undefined],
  ['a version that never was', document(pull, { Version: '2020-01-01' }), syntax],
  ['a version that is a number', document(pull, { Version: 2012 }), syntax],
  ['an unknown element', document(pull, { Statements: [] }), syntax],
  ['an element in the wrong case', `{"version":"2012-10-17","Statement":${JSON.stringify(pull)}}`, syntax],
  ['an unknown element of a statement', document({ ...pull, Comment: 'x' }), syntax],
  ['effect in the wrong case', document({ ...pull, Effect: 'allow' }), legacy],
  ['an effect that is none', document({ ...pull, Effect: 'Permit' }), syntax],
  ['no effect', document({ Action: '*', Resource: '*' }), syntax],
  ['an element name in the wrong case', document({ effect: 'Allow', Action: '*', Resource: '*' }), syntax],
  ['Effect twice', '{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}', syntax],
  [
    'Effect twice, once escaped',
    '{"Statement":{"Effect":"Deny","Effec\\u0074":"Allow","Action":"*","Resource":"*"}}',
    syntax,
  ],
  [
    'a key of a condition twice',
    '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":"true","a:b":"false"}}}}',
    syntax,
  ],
  [
    'an operator twice',
    '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{},"Bool":{}}}}',
    syntax,
  ],
  ['a Sid', document(allow({ Sid: 'Pull1' })), undefined],
  ['an empty Sid twice', document([allow({ Sid: '' }), allow({ Sid: '' })]), undefined],
  [
    'a Sid twice',
    document([allow({ Sid: 'a' }), allow({ Sid: 'a' })]),
    'Statement IDs (SID) in a single policy must be unique.',
  ],
  [
    'a Sid with a space',
    document(allow({ Sid: 'a b' })),
    'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
  ],
  ['a Sid that is a number', document(allow({ Sid: 1 })), syntax],
  ['a principal', document(allow({ Principal: '*' })), 'Policy document should not specify a principal.'],
  [
    'a NotPrincipal',
    document(allow({ NotPrincipal: { AWS: home } })),
    'Policy document should not specify a principal.',
  ],
  ['no action', document({ Effect: 'Allow', Resource: '*' }), 'Policy statement must contain actions.'],
  ['an empty list of actions', document(allow({ Action: [] })), 'Policy statement must contain actions.'],
  ['Action and NotAction', document({ ...pull, NotAction: 'iam:*' }), syntax],
  ['an action that is a number', document(allow({ Action: 7 })), syntax],
  ['an action that is null', document(allow({ Action: ['ecr:*', null] })), syntax],
  ['an action without a vendor', document(allow({ Action: 'GetImage' })), vendorless],
  ['an empty action', document(allow({ Action: '' })), vendorless],
  [
    'an action with two colons',
    document(allow({ Action: 'ecr:Get:Image' })),
    'Actions/Condition can contain only one colon.',
  ],
  ['an action of no vendor', document(allow({ Action: 'e c r:GetImage' })), 'Vendor e c r is not valid'],
  ['an action with an empty vendor', document(allow({ Action: ':GetImage' })), 'Vendor  is not valid'],
  ['an action without a name', document(allow({ Action: 'ecr:' })), syntax],
  [
    'a variable in an action',
    document(allow({ Action: `ecr:\${aws:username}` })),
    'Actions/Condition can contain only one colon.',
  ],
  [
    'actions of any vendor',
    document(allow({ Action: ['*', '*:*', 's3:Get*', 'berth:New', 'ecr-public:*'] })),
    undefined,
  ],
  ['no resource', document({ Effect: 'Allow', Action: '*' }), 'Policy statement must contain resources.'],
  ['an empty list of resources', document(allow({ Resource: [] })), 'Policy statement must contain resources.'],
  ['Resource and NotResource', document({ ...pull, NotResource: '*' }), syntax],
  ['a resource that is no ARN', document(allow({ Resource: 'app' })), 'Resource app must be in ARN format or "*".'],
  [
    'a resource with a wildcard that is no ARN',
    document(allow({ Resource: '*app' })),
    'Resource *app must be in ARN format or "*".',
  ],
  [
    'a resource with colons that is no ARN',
    document(allow({ Resource: 'urn:x:y:z' })),
    'Resource urn:x:y:z must be in ARN format or "*".',
  ],
  [
    'an unknown partition',
    document(allow({ Resource: 'arn:gcp:ecr:::x' })),
    'Partition "gcp" is not valid for resource "arn:gcp:ecr:::x".',
  ],
  [
    'no partition',
    document(allow({ Resource: 'arn::ecr:::x' })),
    'Partition "" is not valid for resource "arn::ecr:::x".',
  ],
  [
    'a wildcard for the service',
    document(allow({ Resource: 'arn:aws:*:::x' })),
    'Resource vendor must be fully qualified and cannot contain regexes.',
  ],
  [
    'no service',
    document(allow({ Resource: 'arn:aws' })),
    'Resource vendor must be fully qualified and cannot contain regexes.',
  ],
  ['an empty service', document(allow({ Resource: 'arn:aws::eu-west-1:1:x' })), legacy],
  ['a partition and a service', document(allow({ Resource: 'arn:aws:ecr' })), legacy],
  [
    'other partitions',
    document(allow({ Resource: ['arn:aws-cn:ecr:::x', 'arn:aws-us-gov:s3:::x', 'arn:*:ecr:::x'] })),
    undefined,
  ],
  ['a star that runs past colons', document(allow({ Resource: 'arn:aws:ecr:*:repository/app' })), undefined],
  ['a variable in a resource', document(allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}` })), undefined],
  [
    'a default with a comma',
    document(allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:PrincipalTag/a, 'b, c'}` })),
    undefined,
  ],
  ['half a variable', document(allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username` })), syntax],
  [
    'half a variable in the old version',
    document(allow({ Resource: `arn:aws:ecr:*:*:repository/\${x` }), { Version: '2008-10-17' }),
    undefined,
  ],
  ['a condition that is a list', document(allow({ Condition: [] })), syntax],
  ['an operator that is a string', document(allow({ Condition: { StringEquals: 'a' } })), syntax],
  ['an unknown operator', condition('StringMatches', 'a'), syntax],
  ['an operator of Object.prototype', condition('constructor', 'a'), syntax],
  ['ForAllValues alone', condition('ForAllValues', 'a'), syntax],
  ['an unknown set operator', condition('ForSomeValues:StringEquals', 'a'), syntax],
  ['Null with IfExists', condition('NullIfExists', 'true'), syntax],
  ['an operator in another case', condition('stringlikeifexists', 'a'), undefined],
  ['a set operator', condition('ForAnyValue:StringLike', ['a', 'b']), undefined],
  ['a number', condition('NumericEquals', 7), undefined],
  ['a boolean', condition('Bool', true), undefined],
  ['a mixed list', condition('StringEquals', ['a', 1, false]), undefined],
  ['null', condition('StringEquals', null), syntax],
  ['an object', condition('StringEquals', { a: 1 }), syntax],
  ['a list in a list', condition('StringEquals', [['a']]), syntax],
  ['a number that is none', condition('NumericEquals', 'ten'), syntax],
  ['a date that is none', condition('DateLessThan', 'soon'), legacy],
  ['a day that is none', condition('DateLessThan', '2026-02-30T00:00:00Z'), legacy],
  ['epoch seconds', condition('DateLessThan', '1767225600'), undefined],
  ['a boolean that is none', condition('Bool', 'yes'), syntax],
  ['a boolean by variable', condition('Bool', `\${aws:SecureTransport}`), undefined],
  ['a network that is none', condition('IpAddress', '10.0.0.0/33'), syntax],
  ['a network of IPv6', condition('IpAddress', '2001:db8::/32'), undefined],
  ['bytes that are none', condition('BinaryEquals', '!'), syntax],
  ['half a variable in a value', condition('StringEquals', `\${`), syntax],
  ['a key without a vendor', condition('StringEquals', 'a', 'SourceIp'), vendorless],
  [
    'a key __proto__',
    `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"__proto__":"a"}}}}`,
    vendorless,
  ],
  ['a key with two colons', condition('StringEquals', 'a', 'aws:a:b'), 'Actions/Condition can contain only one colon.'],
  ['a key without a name', condition('StringEquals', 'a', 'aws:'), syntax],
  ['a provider with a port', condition('StringEquals', 'a', 'issuer.example.com:8443:sub'), undefined],
  ['a provider with a port and a path', condition('StringEquals', 'a', '10.0.0.1:6443/realms/a:sub'), undefined],
  [
    'a port and two colons',
    condition('StringEquals', 'a', 'issuer.example.com:8443:a:b'),
    'Actions/Condition can contain only one colon.',
  ],
  ['a tag with colons', condition('StringEquals', 'a', 'aws:ResourceTag/aws:stack:name'), undefined],
  ['an issuer with a path', condition('StringEquals', 'a', 'oidc.example.com/id/AB12:sub'), undefined],
  ['a key that nobody knows', condition('StringEquals', 'a', 'berth:Key'), undefined],
  ['Latin characters', document(allow({ Condition: { StringEquals: { 'aws:PrincipalTag/é': 'ÿ' } } })), undefined],
  [
    'other characters',
    condition('StringEquals', 'λ'),
    'The specified value for policyDocument is invalid. It must contain only printable ASCII characters.',
  ],
  [
    'a control character',
    `${document(pull)}\u0000`,
    'The specified value for policyDocument is invalid. It must contain only printable ASCII characters.',
  ],
  [
    'of two mistakes the one that IAM looks for first',
    document([allow({ Action: 'GetImage' }), allow({ Resource: [] })]),
    'Policy statement must contain resources.',
  ],
  ['syntax before all else', document([allow({ Action: 'GetImage' }), { ...pull, x: 1 }]), syntax],
])

const trust = (more: Statement = {}, principal: unknown = { AWS: home }) =>
  document({ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...more })
const github = (Condition?: unknown) =>
  trust({ Action: 'sts:AssumeRoleWithWebIdentity', ...(Condition ? { Condition } : {}) }, { Federated: githubProvider })
const issuer = 'token.actions.githubusercontent.com'
const noSub = `Trust policy for the identity provider ${issuer} must evaluate ${issuer}:sub or another identifying claim.`

table('trust', [
  ['an account', trust(), undefined],
  ['everybody', trust({}, '*'), undefined],
  ['a service', trust({}, { Service: 'ecr.amazonaws.com' }), undefined],
  [
    'no principal',
    document({ Effect: 'Allow', Action: 'sts:AssumeRole' }),
    'Missing required field Principal cannot be empty!',
  ],
  ['an empty principal', trust({}, {}), 'Missing required field Principal cannot be empty!'],
  ['a resource', trust({ Resource: '*' }), 'Has prohibited field Resource.'],
  ['a NotResource', trust({ NotResource: '*' }), 'Has prohibited field Resource.'],
  ['all of STS', trust({ Action: 'sts:*' }), trustOnly],
  ['everything', trust({ Action: '*' }), trustOnly],
  ['another action of STS', trust({ Action: ['sts:AssumeRole', 'sts:GetSessionToken'] }), trustOnly],
  ['an action of ECR', trust({ Action: 'ecr:PutImage' }), trustOnly],
  ['NotAction', document({ Effect: 'Allow', Principal: '*', NotAction: 'sts:AssumeRole' }), trustOnly],
  [
    'tags and source identity',
    trust({ Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'] }),
    undefined,
  ],
  ['no action', document({ Effect: 'Allow', Principal: '*' }), 'Policy statement must contain actions.'],
  ['a principal of no known form', trust({}, { AWS: 'alice' }), 'Invalid principal in policy: "AWS":"alice"'],
  [
    'a part of a principal',
    trust({}, { AWS: `arn:aws:iam::${home}:role/*` }),
    `Invalid principal in policy: "AWS":"arn:aws:iam::${home}:role/*"`,
  ],
  [
    'a group',
    trust({}, { AWS: `arn:aws:iam::${home}:group/dev` }),
    `Invalid principal in policy: "AWS":"arn:aws:iam::${home}:group/dev"`,
  ],
  ['a service that is none', trust({}, { Service: 'ecr' }), 'Invalid principal in policy: "Service":"ecr"'],
  ['a canonical user', trust({}, { CanonicalUser: 'ab12' }), 'Invalid principal in policy: "CanonicalUser":"ab12"'],
  ['an unknown kind of principal', trust({}, { Aws: home }), syntax],
  ['a principal that is a number', trust({}, { AWS: 111122223333 }), syntax],
  [
    'NotPrincipal with Allow',
    document({ Effect: 'Allow', NotPrincipal: { AWS: home }, Action: 'sts:AssumeRole' }),
    syntax,
  ],
  [
    'NotPrincipal with Deny',
    document({ Effect: 'Deny', NotPrincipal: { AWS: home }, Action: 'sts:AssumeRole' }),
    undefined,
  ],
  ['a provider with a subject', github({ StringLike: { [`${issuer}:sub`]: 'repo:org/app:*' } }), undefined],
  ['a provider with another claim', github({ StringEquals: { [`${issuer}:repository_id`]: '7' } }), undefined],
  ['a provider without conditions', github(), noSub],
  ['a provider with the audience alone', github({ StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com' } }), noSub],
  ['a provider with any subject', github({ StringLike: { [`${issuer}:sub`]: '*' } }), noSub],
  [
    'a provider with any repository',
    github({ StringLike: { [`${issuer}:sub`]: ['repo:org/app:*', 'repo:*/*'] } }),
    noSub,
  ],
  [
    'a provider with a subject if there is one',
    github({ StringLikeIfExists: { [`${issuer}:sub`]: 'repo:org/*' } }),
    noSub,
  ],
  ['a provider with all but one subject', github({ StringNotEquals: { [`${issuer}:sub`]: 'repo:org/app:x' } }), noSub],
  [
    'another provider without conditions',
    trust(
      { Action: 'sts:AssumeRoleWithWebIdentity' },
      { Federated: `arn:aws:iam::${home}:oidc-provider/oidc.example.com` },
    ),
    undefined,
  ],
  [
    'a provider by its host',
    trust({ Action: 'sts:AssumeRoleWithWebIdentity' }, { Federated: 'oidc.example.com' }),
    'Invalid principal in policy: "Federated":"oidc.example.com"',
  ],
])

const invalid = 'Invalid repository policy provided'
const repository = (more: Statement = {}, principal: unknown = { AWS: home }) => document(grant(principal, more))

table('repository', [
  ['an account', repository(), undefined],
  ['an account by its root', repository({}, { AWS: `arn:aws:iam::${home}:root` }), undefined],
  ['everybody', repository({}, '*'), undefined],
  ['everybody as AWS', repository({}, { AWS: '*' }), undefined],
  ['a user with a path', repository({}, { AWS: `arn:aws:iam::${home}:user/team/alice` }), undefined],
  ['a session', repository({}, { AWS: `arn:aws:sts::${home}:assumed-role/ci/job` }), undefined],
  ['a unique id', repository({}, { AWS: 'AIDA2222222222222222X' }), undefined],
  ['a service', repository({}, { Service: 'codebuild.amazonaws.com' }), undefined],
  ['a Sid with spaces', repository({ Sid: 'AllowPushPull from CI' }), undefined],
  ['the old version', document(grant('*'), { Version: '2008-10-17' }), undefined],
  ['all actions of ECR', repository({ Action: 'ecr:*' }), undefined],
  ['all actions', repository({ Action: '*' }), undefined],
  ['some actions', repository({ Action: ['ecr:BatchGet*', 'ecr:putimage'] }), undefined],
  ['not JSON', '{', invalid],
  ['no statement', '{"Version":"2012-10-17"}', invalid],
  ['a resource', repository({ Resource: '*' }), invalid],
  ['the resource of the repository', repository({ Resource: app }), invalid],
  ['no principal', document({ Effect: 'Allow', Action: 'ecr:*' }), invalid],
  ['an unknown element', repository({ Comment: 'x' }), invalid],
  ['an unknown action', repository({ Action: 'ecr:PullImage' }), invalid],
  ['an operation without an action', repository({ Action: 'ecr:ListImageReferrers' }), invalid],
  ['a wildcard that no action has', repository({ Action: 'ecr:Pull*' }), invalid],
  ['an action of another service', repository({ Action: 's3:GetObject' }), invalid],
  ['a wildcard in the vendor', repository({ Action: 'e?r:BatchGet*' }), invalid],
  ['an action without a vendor', repository({ Action: 'BatchGetImage' }), invalid],
  ['an unknown operator', repository({ Condition: { StringMatches: { 'aws:x': 'a' } } }), invalid],
  ['a part of a principal', repository({}, { AWS: `arn:aws:iam::${home}:*` }), invalid],
  ['a malformed account', repository({}, { AWS: '1234' }), invalid],
  ['an identity provider', repository({}, { Federated: githubProvider }), invalid],
  ['NotPrincipal with Allow', document({ Effect: 'Allow', NotPrincipal: { AWS: home }, Action: 'ecr:*' }), invalid],
  ['a Deny that exempts everybody', document({ Effect: 'Deny', NotPrincipal: '*', Action: 'ecr:*' }), invalid],
  ['a Sid twice', document([grant('*', { Sid: 'a' }), grant('*', { Sid: 'a' })]), undefined],
  ['other characters', repository({ Sid: 'λ' }), invalid],
])

const invalidRegistry = 'Invalid registry policy provided'
const registry = (more: Statement = {}, principal: unknown = { AWS: home }) =>
  document({ ...grant(principal), Resource: `arn:aws:ecr:eu-west-1:${home}:repository/*`, ...more })

table('registry', [
  ['an account and a resource', registry(), undefined],
  [
    'actions that no operation has',
    registry({ Action: ['ecr:ReplicateImage', 'ecr:BatchImportUpstreamImage'] }),
    undefined,
  ],
  ['no resource', document(grant({ AWS: home })), invalidRegistry],
  ['a resource that is no ARN', registry({ Resource: 'app' }), invalidRegistry],
  ['a malformed account', registry({}, { AWS: 'arn:aws:iam::12:root' }), invalidRegistry],
  ['an unknown action', registry({ Action: 'ecr:Replicate' }), invalidRegistry],
  ['not JSON', 'policy', invalidRegistry],
])

table('session', [
  ['as an identity policy', document(pull), undefined],
  ['a principal', document(allow({ Principal: '*' })), 'Policy document should not specify a principal.'],
])

table('boundary', [
  ['as an identity policy', document(pull), undefined],
  ['no resource', document({ Effect: 'Allow', Action: '*' }), 'Policy statement must contain resources.'],
])

describe('IAM CreatePolicy', () => {
  const sentence = 'Policy document must be version 2012-10-17 or greater.'
  test('takes the new version only', () => {
    assert.equal(refusal(document(pull), 'identity', { requires2012: true }), undefined)
    assert.equal(refusal(document(pull, { Version: '2008-10-17' }), 'identity', { requires2012: true }), sentence)
    assert.equal(refusal(JSON.stringify({ Statement: pull }), 'identity', { requires2012: true }), sentence)
  })
})

describe('sizes (IAM and AWS STS quotas)', () => {
  const padded = (length: number) => {
    const text = document(allow({ Sid: 'x' }))
    return text.replace('"x"', `"${'x'.repeat(length - text.length + 1)}"`)
  }

  test('a text may be as long as its limit and no longer', () => {
    for (const maxCharacters of Object.values(policySizes)) {
      assert.equal(refusal(padded(maxCharacters), 'identity', { maxCharacters }), undefined)
      const sentence = `Cannot exceed quota for PolicySize: ${maxCharacters}`
      assert.equal(refusal(padded(maxCharacters + 1), 'identity', { maxCharacters }), sentence)
    }
  })

  test('each kind has its own limit', () => {
    const limits = Object.fromEntries(
      policyKinds.map((kind) => {
        const parsed = parsePolicy('x'.repeat(20_000), kind)
        assert.ok(!parsed.ok)
        return [kind, `${parsed.fault.error} ${parsed.fault.sentence}`]
      }),
    )
    assert.deepEqual(limits, {
      identity: 'LimitExceeded Cannot exceed quota for PolicySize: 6144',
      boundary: 'LimitExceeded Cannot exceed quota for PolicySize: 6144',
      session: 'LimitExceeded Cannot exceed quota for PolicySize: 2048',
      trust: 'LimitExceeded Cannot exceed quota for ACLSizePerRole: 2048',
      repository: 'InvalidParameter Member must have length less than or equal to 10240',
      registry: 'InvalidParameter Member must have length less than or equal to 10240',
    })
  })

  test('IAM does not count white space; ECR does', () => {
    const spaced = JSON.stringify(JSON.parse(document(pull)), null, 8)
    assert.equal(policySize(spaced, 'identity'), document(pull).length)
    assert.equal(policySize(spaced, 'repository'), spaced.length)
    assert.equal(refusal(' '.repeat(50_000) + document(pull), 'identity'), undefined)
    assert.match(refusal(' '.repeat(20_000) + repository(), 'repository') ?? '', /length/)
  })
})

describe('where the mistake is', () => {
  test('is told in our own words', () => {
    const parsed = parsePolicy(document([pull, allow({ Action: ['ecr:*', 'GetImage'] })]), 'identity')
    assert.ok(!parsed.ok)
    assert.deepEqual(parsed.fault, {
      code: 'no-vendor',
      at: 'Statement[1].Action[1]',
      reason: 'no colon',
      error: 'MalformedPolicyDocument',
      sentence: vendorless,
    })
  })

  test('a principal that does not exist has a sentence of its own', () => {
    assert.equal(unknownPrincipalFault('repository', '"AWS":"x"').sentence, 'Principal not found')
    assert.equal(unknownPrincipalFault('trust', '"AWS":"x"').sentence, 'Invalid principal in policy: "AWS":"x"')
  })
})

describe('what is probably not meant is accepted with a warning', () => {
  const rows: [PolicyKind, string, number][] = [
    ['identity', condition('ForAllValues:StringEquals', 'a'), 1],
    [
      'identity',
      document({ ...allow(), Effect: 'Deny', Condition: { 'ForAllValues:StringEquals': { 'a:b': 'c' } } }),
      0,
    ],
    [
      'repository',
      document({ Effect: 'Deny', NotPrincipal: { AWS: `arn:aws:iam::${home}:user/a` }, Action: 'ecr:*' }),
      1,
    ],
    [
      'repository',
      document({ Effect: 'Deny', NotPrincipal: { AWS: [`arn:aws:iam::${home}:user/a`, home] }, Action: 'ecr:*' }),
      0,
    ],
    [
      'repository',
      document({
        Effect: 'Deny',
        NotPrincipal: { AWS: [`arn:aws:sts::${home}:assumed-role/a/bc`, home] },
        Action: 'ecr:*',
      }),
      1,
    ],
  ]
  for (const [kind, text, count] of rows) {
    test(`${text.slice(40, 120)}: ${count}`, () => {
      const parsed = parsePolicy(text, kind)
      assert.ok(parsed.ok)
      assert.equal(parsed.warnings.length, count)
    })
  }
})

describe('a text that is meant to hurt is answered at once', () => {
  const million = 1_000_000
  const statements = (count: number) =>
    document(Array.from({ length: count }, () => ({ Effect: 'Allow', Action: '*', Resource: '*' })))
  const rows: [string, string][] = [
    ['a megabyte of brackets', '['.repeat(million)],
    ['a megabyte of objects', '{"a":'.repeat(million / 5)],
    ['a megabyte of spaces', ' '.repeat(million)],
    ['a megabyte of digits', `{"Version":${'9'.repeat(million)}}`],
    ['a megabyte of text', document(allow({ Sid: 'a'.repeat(million) }))],
    ['ten thousand statements', statements(10_000)],
    ['four thousand statements that fit', document(Array.from({ length: 4000 }, () => ({})))],
    ['many keys', `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":0`).join(',')}}`],
    ['a key many times', `{${'"k":0,'.repeat(15_000)}"k":0}`],
    ['many actions', document(allow({ Action: Array.from({ length: 8000 }, () => 'ecr:*a*b*') }))],
    ['many stars', document(allow({ Resource: `arn:aws:ecr:${'*a'.repeat(50_000)}` }))],
    ['many halves of variables', document(allow({ Resource: `arn:aws:ecr:${`\${`.repeat(50_000)}` }))],
    ['spaces in a variable', document(allow({ Resource: `arn:aws:ecr:\${a${' '.repeat(100_000)}b, 'c}` }))],
    ['a principal that is long', repository({}, { AWS: `arn:aws:iam::${home}:user/${'a/'.repeat(50_000)}` })],
    ['a service that is long', repository({}, { Service: `${'a-'.repeat(50_000)}!` })],
    ['a number that is long', condition('NumericEquals', '1'.repeat(100_000))],
    ['an address that is long', condition('IpAddress', '1:'.repeat(50_000))],
    ['an operator that is long', condition('ForAllValues:'.repeat(8000), 'a')],
  ]
  for (const [what, text] of rows) {
    test(what, () => {
      const start = performance.now()
      for (const kind of ['identity', 'repository'] as const)
        parsePolicy(text, kind, { maxCharacters: Number.POSITIVE_INFINITY })
      // Some tens of milliseconds on a quiet machine.
      assert.ok(performance.now() - start < 3000)
      assert.notEqual(refusal(text, 'repository'), undefined)
    })
  }
})
