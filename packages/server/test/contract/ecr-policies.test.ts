// Policies of repositories and of the registry, and account settings, as ECR's API sets and shows them: whole answers, every refusal. What
// policies then decide is in access-resource-policies.test.ts.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AccountId } from '@berth/api/names/registry.ts'
import { randomIds } from '../../src/base/ids.ts'
import { type AwsWire, invalidParameter } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'

const other = '210987654321'
const nobody = '999999999999'
const repositoryName = 'team/app'
const repositoryArn = `arn:aws:ecr:${region}:${account}:repository/${repositoryName}`

let registry: ContractRegistry
/** Unique ids of what is in the account. */
const ids = { alice: randomIds.entity('AIDA'), bob: randomIds.entity('AIDA'), ci: randomIds.entity('AROA') }
before(async () => {
  registry = await contractRegistry()
  await registry.createAccount(other)
  await registry.aws.ok('CreateRepository', { repositoryName })
  const entity = (id: string, kind: string, path: string, name: string, document = 'NULL') =>
    `INSERT INTO entities (entity_id, account_id, kind, name, path, created_at, updated_at, document, principal_ids)
     VALUES ('${id}', '${account}', '${kind}', '${name}', '${path}', 0, 0, ${document}, ${document === 'NULL' ? 'NULL' : "'{}'"})`
  const trust = `'${JSON.stringify({ Statement: { Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' } })}'`
  await registry.sql(
    [
      entity(ids.alice, 'user', '/', 'alice'),
      entity(ids.bob, 'user', '/team/', 'Bob'),
      entity(ids.ci, 'role', '/service/', 'ci', trust),
    ].join(';\n'),
  )
  await registry.identitiesChanged()
})
after(() => registry?.close())

const statement = (more: object = {}) => ({ Effect: 'Allow', Principal: '*', Action: 'ecr:BatchGetImage', ...more })
const policy = (...statements: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
const named = { repositoryName }
const invalidPolicy = (constraint: string) => invalidParameter('PolicyText', constraint)
const isMissing = `Repository policy does not exist for the repository with name '${repositoryName}' in the registry with id '${account}'`

describe('SetRepositoryPolicy, GetRepositoryPolicy, DeleteRepositoryPolicy', () => {
  test('what is set is shown and replaced; what is removed is shown once more, and then it is missing', async () => {
    const first = `{ "Version" : "2008-10-17",\n  "Statement" : [ ${JSON.stringify(statement({ Sid: 'for all of us' }))} ] }`
    const second = policy(statement({ Principal: { AWS: [account, other] } }))
    for (const policyText of [first, second]) {
      const whole = { registryId: account, repositoryName, policyText }
      assert.deepEqual(await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText }), whole)
      assert.deepEqual(await registry.aws.ok('GetRepositoryPolicy', { ...named, registryId: account }), whole)
    }
    assert.deepEqual(await registry.aws.ok('DeleteRepositoryPolicy', named), {
      registryId: account,
      repositoryName,
      policyText: second,
    })
    for (const operation of ['GetRepositoryPolicy', 'DeleteRepositoryPolicy'])
      await registry.aws.refused(operation, named, 'RepositoryPolicyNotFoundException', isMissing)
  })

  test('each repository has its own, and one that is made again has none', async () => {
    const again = { repositoryName: 'made/again' }
    const policyText = policy(statement())
    for (let n = 0; n < 2; n++) {
      await registry.aws.ok('CreateRepository', again)
      await registry.aws.refused(
        'GetRepositoryPolicy',
        again,
        'RepositoryPolicyNotFoundException',
        isMissing.replace(repositoryName, 'made/again'),
      )
      await registry.aws.ok('SetRepositoryPolicy', { ...again, policyText })
      await registry.aws.ok('DeleteRepository', again)
    }
  })

  const accepted: [what: string, text: string][] = [
    ['one statement that is no list', JSON.stringify({ Version: '2012-10-17', Statement: statement() })],
    ['no Version', JSON.stringify({ Statement: [statement()] })],
    [
      'an Id, and the same Sid twice',
      JSON.stringify({ Id: 'x', Statement: [statement({ Sid: 'a' }), statement({ Sid: 'a' })] }),
    ],
    ['an account by its root', policy(statement({ Principal: { AWS: `arn:aws:iam::${other}:root` } }))],
    [
      'users, with and without a path',
      policy(
        statement({
          Principal: { AWS: [`arn:aws:iam::${account}:user/alice`, `arn:aws:iam::${account}:user/team/Bob`] },
        }),
      ),
    ],
    ['a role', policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:role/service/ci` } }))],
    [
      'a session, whose ARN has no path',
      policy(statement({ Principal: { AWS: `arn:aws:sts::${account}:assumed-role/ci/build-7` } })),
    ],
    ['a federated user', policy(statement({ Principal: { AWS: `arn:aws:sts::${account}:federated-user/carol` } }))],
    ['a service', policy(statement({ Principal: { Service: 'codebuild.amazonaws.com' } }))],
    ['all actions, in any case', policy(statement({ Action: ['ecr:*', 'ECR:putimage'] }))],
    ['10,240 characters', policy(statement({ Sid: 'x'.repeat(10_240 - policy(statement({ Sid: '' })).length) }))],
  ]
  for (const [what, policyText] of accepted) {
    test(`accepted: ${what}`, async () => {
      await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText })
      assert.equal((await registry.aws.ok<{ policyText: string }>('GetRepositoryPolicy', named)).policyText, policyText)
    })
  }

  const invalid = 'Invalid repository policy provided'
  const notFound = 'Principal not found'
  const refusals: [what: string, text: string, constraint: string][] = [
    ['nothing', '', invalid],
    ['no JSON', 'policy', invalid],
    ['no object', '[]', invalid],
    ['no statement', '{"Version":"2012-10-17"}', invalid],
    ['no statement in the list', policy(), invalid],
    ['an unknown version', JSON.stringify({ Version: '2025-01-01', Statement: [statement()] }), invalid],
    ['an unknown element', policy(statement({ Comment: 'x' })), invalid],
    ['an element in other letters', policy({ ...statement(), Effect: undefined, effect: 'Allow' }), invalid],
    ['an effect that is none', policy(statement({ Effect: 'allow' })), invalid],
    ['no principal', policy(statement({ Principal: undefined })), invalid],
    ['a principal of an unknown kind', policy(statement({ Principal: { GCP: 'x' } })), invalid],
    ['an identity provider', policy(statement({ Principal: { Federated: 'accounts.google.com' } })), invalid],
    ['no action', policy(statement({ Action: undefined })), invalid],
    ['an action of another service', policy(statement({ Action: 's3:GetObject' })), invalid],
    ['an action that nobody has', policy(statement({ Action: 'ecr:PullImage' })), invalid],
    ['a resource', policy(statement({ Resource: '*' })), invalid],
    ['the resource itself', policy(statement({ Resource: repositoryArn })), invalid],
    ['a malformed account', policy(statement({ Principal: { AWS: '12345' } })), invalid],
    [
      'a value that is no address',
      policy(statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } })),
      invalid,
    ],
    [
      'security test 39: a key twice',
      `{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"ecr:*"}}`,
      invalid,
    ],
    [
      'security test 39: a key twice in a condition',
      `{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:SecureTransport":"true","aws:SecureTransport":"false"}}}}`,
      invalid,
    ],
    [
      'security test 39: NotPrincipal with Allow',
      policy({ Effect: 'Allow', NotPrincipal: { AWS: other }, Action: 'ecr:*' }),
      invalid,
    ],
    [
      'security test 39: a part of a principal',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:user/*` } })),
      invalid,
    ],
    [
      'security test 39: all of an account',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:*` } })),
      invalid,
    ],
    [
      'security test 39: an unknown operator',
      policy(statement({ Condition: { StringMatches: { 'aws:userid': 'x' } } })),
      invalid,
    ],
    [
      'security test 39: `__proto__` as a key of a condition',
      '{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"__proto__":"polluted"}}}}',
      invalid,
    ],
    [
      'a user who does not exist',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:user/carol` } })),
      notFound,
    ],
    [
      'a user in other letters',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:user/Alice` } })),
      notFound,
    ],
    [
      'a user without his path',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${account}:user/Bob` } })),
      notFound,
    ],
    [
      'a user of another account',
      policy(statement({ Principal: { AWS: `arn:aws:iam::${other}:user/alice` } })),
      notFound,
    ],
    [
      'a role that does not exist, beside one that does',
      policy(
        statement({
          Principal: { AWS: [`arn:aws:iam::${account}:role/service/ci`, `arn:aws:iam::${account}:role/cd`] },
        }),
      ),
      notFound,
    ],
    [
      'a session of no role',
      policy(statement({ Principal: { AWS: `arn:aws:sts::${account}:assumed-role/CI/build-7` } })),
      notFound,
    ],
    ['an account that does not exist', policy(statement({ Principal: { AWS: nobody } })), notFound],
    ['the root of one', policy(statement({ Principal: { AWS: `arn:aws:iam::${nobody}:root` } })), notFound],
    [
      'a federated user of one',
      policy(statement({ Principal: { AWS: `arn:aws:sts::${nobody}:federated-user/carol` } })),
      notFound,
    ],
    ['an id that nobody has', policy(statement({ Principal: { AWS: 'AIDA2222222222222222X' } })), notFound],
    ['who does not exist in a Deny', policy(statement({ Effect: 'Deny', Principal: { AWS: nobody } })), notFound],
    [
      '10,241 characters',
      `${policy(statement())}${' '.repeat(10_241)}`.slice(0, 10_241),
      'Member must have length less than or equal to 10240',
    ],
  ]
  test('every refusal, and the policy before it stays', async () => {
    const policyText = policy(statement({ Sid: 'before' }))
    await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText })
    for (const [what, text, constraint] of refusals) {
      await registry.aws
        .refused(
          'SetRepositoryPolicy',
          { ...named, policyText: text },
          'InvalidParameterException',
          invalidPolicy(constraint),
        )
        .catch((error: unknown) => assert.fail(`${what}: ${error}`))
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    assert.equal((await registry.aws.ok<{ policyText: string }>('GetRepositoryPolicy', named)).policyText, policyText)
  })
})

describe('SetRepositoryPolicy without force', () => {
  const lockOut = invalidPolicy(
    'The policy would prevent you from setting another policy in the future. Use force to set it all the same',
  )
  const refused = (aws: AwsWire, policyText: string, more: object = {}) =>
    aws.refused('SetRepositoryPolicy', { ...named, policyText, ...more }, 'InvalidParameterException', lockOut)

  test('a policy is refused by which its author could not set another', async () => {
    const deny = (more: object) =>
      policy({ ...statement(), Effect: 'Deny', Action: 'ecr:SetRepositoryPolicy', ...more })
    for (const text of [
      deny({}),
      deny({ Principal: { AWS: account } }),
      deny({ Principal: { AWS: `arn:aws:iam::${account}:user/admin` } }),
      deny({ Action: 'ecr:set*' }),
      deny({ Principal: undefined, NotPrincipal: { AWS: `arn:aws:iam::${account}:user/alice` } }),
      deny({ Condition: { NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }),
    ]) {
      await refused(registry.aws, text)
      await refused(registry.aws, text, { force: false })
    }
    for (const text of [
      deny({ Principal: { AWS: other } }),
      deny({ Action: 'ecr:PutImage' }),
      deny({ Principal: undefined, NotPrincipal: { AWS: `arn:aws:iam::${account}:user/admin` } }),
      deny({ Condition: { NotIpAddress: { 'aws:SourceIp': '127.0.0.0/8' } } }),
      policy(statement({ Principal: { AWS: other } })),
    ]) {
      await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText: text })
    }
    await registry.aws.ok('DeleteRepositoryPolicy', named)
  })

  test('who has his leave from the policy itself may not take it from himself', async () => {
    const dave = registry.awsAs(await registry.createUser('dave'))
    const his = statement({
      Principal: { AWS: `arn:aws:iam::${account}:user/dave` },
      Action: ['ecr:SetRepositoryPolicy', 'ecr:GetRepositoryPolicy'],
    })
    await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText: policy(his) })
    await refused(dave, policy(statement()))
    await refused(dave, policy(statement({ Principal: { AWS: account }, Action: 'ecr:*' })))
    await dave.ok('SetRepositoryPolicy', { ...named, policyText: policy(his, statement()) })
    await dave.ok('SetRepositoryPolicy', { ...named, policyText: policy(statement()), force: true })
    await dave.refused(
      'GetRepositoryPolicy',
      named,
      'AccessDeniedException',
      `User: arn:aws:iam::${account}:user/dave is not authorized to perform: ecr:GetRepositoryPolicy on resource: ${repositoryArn} because no identity-based policy allows the ecr:GetRepositoryPolicy action`,
    )
    await registry.aws.ok('DeleteRepositoryPolicy', named)
  })

  test('by force he locks himself out; the root user of the account may put it right, and cannot lock himself out', async () => {
    const everything = policy(statement({ Effect: 'Deny', Action: 'ecr:*' }))
    await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText: everything, force: true })
    for (const operation of [
      'SetRepositoryPolicy',
      'GetRepositoryPolicy',
      'DeleteRepositoryPolicy',
      'DescribeImages',
    ]) {
      await registry.aws.refused(
        operation,
        { ...named, ...(operation === 'SetRepositoryPolicy' ? { policyText: policy(statement()) } : {}) },
        'AccessDeniedException',
        `User: arn:aws:iam::${account}:user/admin is not authorized to perform: ecr:${operation} on resource: ${repositoryArn} with an explicit deny in a resource-based policy`,
      )
    }
    const root = registry.awsAs(await registry.registry.accessKeys.create(account as AccountId, account))
    await root.refused(
      'DescribeImages',
      named,
      'AccessDeniedException',
      `User: arn:aws:iam::${account}:root is not authorized to perform: ecr:DescribeImages on resource: ${repositoryArn} with an explicit deny in a resource-based policy`,
    )
    await root.ok('SetRepositoryPolicy', { ...named, policyText: everything })
    assert.equal((await root.ok<{ policyText: string }>('GetRepositoryPolicy', named)).policyText, everything)
    await root.ok('DeleteRepositoryPolicy', named)
    await registry.aws.ok('DescribeImages', named)
  })
})

describe('principals over time', () => {
  const shown = async () => {
    const { policyText } = await registry.aws.ok<{ policyText: string }>('GetRepositoryPolicy', named)
    return policyText
  }

  test('the text stays as it was until somebody whom it names is renamed or gone: then by his new ARN, or his bare id', async () => {
    const [alice, ci, session] = [
      `arn:aws:iam::${account}:user/alice`,
      `arn:aws:iam::${account}:role/service/ci`,
      `arn:aws:sts::${account}:assumed-role/ci/build-7`,
    ]
    const text = (...principals: string[]) => policy(statement({ Sid: 'a', Principal: { AWS: principals } }))
    const policyText = text(alice, ci, session, account).replace('{', '{ ')
    await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText })
    await registry.aws.ok('PutRegistryPolicy', { policyText: policyText.replace('"Sid"', '"Resource":"*","Sid"') })
    assert.equal(await shown(), policyText)

    await registry.sql(`UPDATE entities SET name = 'alicia', path = '/new/' WHERE entity_id = '${ids.alice}'`)
    const alicia = `arn:aws:iam::${account}:user/new/alicia`
    const unordered = async () => JSON.parse(await shown()) as unknown
    assert.deepEqual(await unordered(), JSON.parse(text(alicia, ci, session, account)))

    await registry.sql(`DELETE FROM entities WHERE entity_id IN ('${ids.alice}', '${ids.ci}')`)
    assert.deepEqual(await unordered(), JSON.parse(text(ids.alice, ids.ci, `${ids.ci}:build-7`, account)))
    const ofRegistry = await registry.aws.ok<{ policyText: string }>('GetRegistryPolicy')
    assert.deepEqual(JSON.parse(ofRegistry.policyText), {
      Version: '2012-10-17',
      Statement: [
        {
          ...statement({ Sid: 'a', Resource: '*' }),
          Principal: { AWS: [ids.alice, ids.ci, `${ids.ci}:build-7`, account] },
        },
      ],
    })

    // IAM, "Principal": a bare id of somebody who is gone cannot be saved again.
    await registry.aws.refused(
      'SetRepositoryPolicy',
      { ...named, policyText: await shown() },
      'InvalidParameterException',
      invalidPolicy('Principal not found'),
    )
    const removed = await registry.aws.ok<{ policyText: string }>('DeleteRepositoryPolicy', named)
    assert.deepEqual(JSON.parse(removed.policyText), JSON.parse(text(ids.alice, ids.ci, `${ids.ci}:build-7`, account)))
    await registry.aws.ok('DeleteRegistryPolicy')
  })

  test('a unique id may stand in the place of an ARN', async () => {
    const policyText = policy(statement({ Principal: { AWS: ids.bob } }))
    await registry.aws.ok('SetRepositoryPolicy', { ...named, policyText })
    assert.equal(await shown(), policyText)
    await registry.aws.ok('DeleteRepositoryPolicy', named)
  })
})

describe('PutRegistryPolicy, GetRegistryPolicy, DeleteRegistryPolicy', () => {
  const missing = (of = account) => `Registry policy does not exist in the registry with id '${of}'`
  const ofRegistry = (more: object = {}) =>
    statement({ Resource: `arn:aws:ecr:${region}:${account}:repository/*`, ...more })

  test('what is put is shown and replaced; what is removed is shown once more, and then it is missing', async () => {
    const first = policy(ofRegistry())
    const second = `${policy(ofRegistry({ Principal: { AWS: other }, Action: ['ecr:ReplicateImage', 'ecr:CreateRepository'] }))}\n`
    for (const policyText of [first, second]) {
      const whole = { registryId: account, policyText }
      assert.deepEqual(await registry.aws.ok('PutRegistryPolicy', { policyText }), whole)
      assert.deepEqual(await registry.aws.ok('GetRegistryPolicy'), whole)
    }
    assert.deepEqual(await registry.aws.ok('DeleteRegistryPolicy'), { registryId: account, policyText: second })
    for (const operation of ['GetRegistryPolicy', 'DeleteRegistryPolicy'])
      await registry.aws.refused(operation, {}, 'RegistryPolicyNotFoundException', missing())
  })

  test('each region has its own', async () => {
    await registry.aws.ok('PutRegistryPolicy', { policyText: policy(ofRegistry()) })
    const abroad = registry.awsAs(registry.credentials, 'eu-west-1')
    await abroad.refused('GetRegistryPolicy', {}, 'RegistryPolicyNotFoundException', missing())
    await registry.aws.ok('DeleteRegistryPolicy')
  })

  test('every refusal', async () => {
    const invalid = 'Invalid registry policy provided'
    for (const [what, policyText, constraint] of [
      ['nothing', '', invalid],
      ['no JSON', '{', invalid],
      ['no resource', policy(statement()), invalid],
      ['a resource that is no ARN', policy(ofRegistry({ Resource: 'team/*' })), invalid],
      ['a malformed account', policy(ofRegistry({ Principal: { AWS: 'arn:aws:iam::12:root' } })), invalid],
      ['no principal', policy(ofRegistry({ Principal: undefined })), invalid],
      ['an action of another service', policy(ofRegistry({ Action: 'iam:*' })), invalid],
      [
        'security test 39: a key twice',
        '{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}',
        invalid,
      ],
      [
        'security test 39: an unknown operator',
        policy(ofRegistry({ Condition: { StringIs: { 'aws:userid': 'x' } } })),
        invalid,
      ],
      ['an account that does not exist', policy(ofRegistry({ Principal: { AWS: nobody } })), 'Principal not found'],
      [
        '10,241 characters',
        policy(ofRegistry({ Sid: 'x'.repeat(10_241) })),
        'Member must have length less than or equal to 10240',
      ],
    ] as const) {
      await registry.aws
        .refused('PutRegistryPolicy', { policyText }, 'InvalidParameterException', invalidPolicy(constraint))
        .catch((error: unknown) => assert.fail(`${what}: ${error}`))
    }
    await registry.aws.refused('GetRegistryPolicy', {}, 'RegistryPolicyNotFoundException', missing())
  })

  test('a Deny for all locks the account out; its root user may put it right', async () => {
    const policyText = policy(ofRegistry({ Effect: 'Deny', Action: 'ecr:*', Resource: '*' }))
    await registry.aws.ok('PutRegistryPolicy', { policyText })
    await registry.aws.refused(
      'DeleteRegistryPolicy',
      {},
      'AccessDeniedException',
      `User: arn:aws:iam::${account}:user/admin is not authorized to perform: ecr:DeleteRegistryPolicy on resource: * with an explicit deny in a resource-based policy`,
    )
    const root = registry.awsAs(await registry.registry.accessKeys.create(account as AccountId, account))
    await root.ok('PutRegistryPolicy', { policyText })
    await root.ok('GetRegistryPolicy')
    await root.ok('DeleteRegistryPolicy')
    await registry.aws.ok('DescribeRegistry')
  })
})

describe('GetAccountSetting, PutAccountSetting', () => {
  const ofEnum = (member: string, values: string) =>
    invalidParameter(member, `Member must satisfy enum value set: [${values}]`)

  test('each has its default until it is put; each region has its own', async () => {
    for (const [name, initial, changed] of [
      ['REGISTRY_POLICY_SCOPE', 'V2', 'V1'],
      ['BLOB_MOUNTING', 'ENABLED', 'DISABLED'],
    ] as const) {
      const abroad = registry.awsAs(registry.credentials, 'eu-west-1')
      for (const value of [initial, changed, initial]) {
        if (value === changed)
          assert.deepEqual(await registry.aws.ok('PutAccountSetting', { name, value }), { name, value })
        if (value === initial) await registry.aws.ok('PutAccountSetting', { name, value })
        assert.deepEqual(await registry.aws.ok('GetAccountSetting', { name }), { name, value })
        assert.deepEqual(await abroad.ok('GetAccountSetting', { name }), { name, value: initial })
      }
    }
  })

  test('names and values that decide nothing here are refused', async () => {
    const names = ofEnum('name', 'BLOB_MOUNTING, REGISTRY_POLICY_SCOPE')
    for (const name of ['BASIC_SCAN_TYPE_VERSION', 'blob_mounting', '__proto__', 'x']) {
      await registry.aws.refused('GetAccountSetting', { name }, 'InvalidParameterException', names)
      await registry.aws.refused('PutAccountSetting', { name, value: 'V2' }, 'InvalidParameterException', names)
    }
    for (const [name, value, values] of [
      ['REGISTRY_POLICY_SCOPE', 'V3', 'V1, V2'],
      ['REGISTRY_POLICY_SCOPE', '', 'V1, V2'],
      ['BLOB_MOUNTING', 'enabled', 'ENABLED, DISABLED'],
    ] as const) {
      await registry.aws.refused(
        'PutAccountSetting',
        { name, value },
        'InvalidParameterException',
        ofEnum('value', values),
      )
    }
    for (const [name, constraint] of [
      ['', 'Member must have length greater than or equal to 1'],
      ['x'.repeat(65), 'Member must have length less than or equal to 64'],
    ] as const) {
      await registry.aws.refused(
        'GetAccountSetting',
        { name },
        'InvalidParameterException',
        invalidParameter('name', constraint),
      )
    }
  })
})
