// STS AssumeRoleWithWebIdentity, as GitHub Actions and pods of Kubernetes ask for it: without a signature, by a token of an identity provider
// whose keys are fetched over https, or were given with the provider.

import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityCommandInput,
  STSClient,
} from '@aws-sdk/client-sts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { createProvider, createRole, policyText, type Statements } from '../support/given-access.ts'
import { createOidcProvider, type OidcProvider, signToken, whyNoOidcProvider } from '../support/oidc-provider.ts'
import { type QueryParameters, type QueryWire, queryWire } from '../support/query-wire.ts'
import { credentialsIn, credentialsOf } from '../support/sts-session.ts'

const other = '210987654321'
const github = 'token.actions.githubusercontent.com'
const githubArn = `arn:aws:iam::${account}:oidc-provider/${github}`
const deniedMessage = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
const notAToken = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)'

const allow = (action: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Action: action,
  Resource: '*',
  ...more,
})
const trusting = (
  Federated: string,
  StringLike: object,
  Action: string | string[] = 'sts:AssumeRoleWithWebIdentity',
) => ({
  ...{ Effect: 'Allow', Principal: { Federated }, Action },
  Condition: { StringLike },
})

const skip = { skip: whyNoOidcProvider }

describe('STS AssumeRoleWithWebIdentity', skip, () => {
  let registry: ContractRegistry
  let idp: OidcProvider
  let anybody: QueryWire
  let providerArn: string
  let role: { arn: string; id: string }
  const issuer = () => idp.url.slice('https://'.length)
  const issue = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
    idp.issue(claims, { now: registry.clock.now(), header })

  before(async () => {
    idp = await createOidcProvider()
    registry = await contractRegistry(
      { oidcCaFile: idp.caFile, oidcAllowedHosts: idp.host },
      { failedLoginBudget: 1000 },
    )
    const { http, host, clock } = registry
    anybody = queryWire({ http, host, clock, service: 'sts' })
    providerArn = await createProvider(registry.iam(), { url: idp.url })
    role = await createRole(registry.iam(), {
      name: 'build',
      path: '/ci/',
      trust: trusting(providerArn, { [`${issuer()}:sub`]: 'repo:org/app:*' }),
      allow: allow(['ecr:DescribeRegistry', 'ecr:GetAuthorizationToken', 'ecr:DescribeRepositories']),
    })
  })
  after(async () => {
    await registry?.close()
    await idp?.close()
  })

  const input = (WebIdentityToken: string, more: QueryParameters = {}): QueryParameters => ({
    ...{ RoleArn: role.arn, RoleSessionName: 'run-7', WebIdentityToken },
    ...more,
  })
  const refused = (token: string, status: number, code: string, message: string, more: QueryParameters = {}) =>
    anybody.refused('AssumeRoleWithWebIdentity', input(token, more), status, code, message)

  async function asAmazon(given: Partial<AssumeRoleWithWebIdentityCommandInput>) {
    // It signs nothing: no credentials are asked for.
    const client = new STSClient({ endpoint: registry.url, region, maxAttempts: 1 })
    try {
      return await client.send(
        new AssumeRoleWithWebIdentityCommand({
          ...{ RoleArn: role.arn, RoleSessionName: 'run-7', WebIdentityToken: issue() },
          ...given,
        }),
      )
    } finally {
      client.destroy()
    }
  }

  test('the whole answer, for who has no key at all; the session may what its role may, on both wires', async () => {
    const { $metadata, Credentials, ...answer } = await asAmazon({})
    assert.equal($metadata.httpStatusCode, 200)
    const size = Credentials?.SessionToken?.length ?? 0
    assert.deepEqual(answer, {
      SubjectFromWebIdentityToken: 'repo:org/app:ref:refs/heads/main',
      AssumedRoleUser: {
        AssumedRoleId: `${role.id}:run-7`,
        Arn: `arn:aws:sts::${account}:assumed-role/build/run-7`,
      },
      Provider: providerArn,
      Audience: 'sts.amazonaws.com',
      SessionTokenSize: size,
      SessionTokenUtilization: Math.ceil((size * 100) / 4096),
    })
    assert.deepEqual(Credentials?.Expiration, new Date(Math.floor(registry.clock.now() / 1000) * 1000 + 3_600_000))
    const aws = registry.awsAs(credentialsOf(Credentials))
    await aws.ok('DescribeRegistry')
    const docker = await registry.ociAs(aws)
    assert.equal((await docker.send('GET', '/v2/_catalog')).status, 200)
  })

  test('session policies and durations are as in AssumeRole', async () => {
    const Policy = policyText(allow('ecr:DescribeRepositories'))
    const narrowed = await asAmazon({ Policy, DurationSeconds: 900 })
    assert.ok((narrowed.PackedPolicySize ?? 0) > 0)
    const aws = registry.awsAs(credentialsOf(narrowed.Credentials))
    await aws.ok('DescribeRepositories')
    assert.match((await aws.call('DescribeRegistry')).text, /because no session policy allows/)
    const tooLong = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'
    await refused(issue(), 400, 'ValidationError', tooLong, { DurationSeconds: 3601 })
    await refused(issue(), 400, 'ValidationError', 'Request ARN is invalid', { RoleArn: providerArn })
    const providerId = 'ProviderId is for tokens of OAuth 2.0, and must be left out.'
    await refused(issue(), 400, 'ValidationError', providerId, { ProviderId: 'www.amazon.com' })
    await refused(issue(), 400, 'MalformedPolicyDocument', 'Syntax errors in policy.', { Policy: '{' })
  })

  test('whom the trust policy does not mean is refused in one sentence, whether there is such a role or not', async () => {
    await refused(issue({ sub: 'repo:org/other:ref:refs/heads/main' }), 403, 'AccessDenied', deniedMessage)
    await refused(issue(), 403, 'AccessDenied', deniedMessage, { RoleArn: `arn:aws:iam::${account}:role/nothing` })
    const ofUsers = await createRole(registry.iam(), {
      name: 'of-users',
      trust: { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' },
    })
    await refused(issue(), 403, 'AccessDenied', deniedMessage, { RoleArn: ofUsers.arn })
    const tooLong = { RoleArn: ofUsers.arn, DurationSeconds: 43_200 }
    await refused(issue(), 403, 'AccessDenied', deniedMessage, tooLong)
  })

  test('the provider must be of the role’s account; one of another account is none', async () => {
    const stranger = await registry.createAccount(other)
    const own = await createProvider(registry.iam(stranger), { url: 'https://issuer.example.com' })
    const away = await createRole(registry.iam(stranger), {
      name: 'away',
      trust: trusting(own, { 'issuer.example.com:sub': '*' }),
    })
    const none = `No OpenIDConnect provider found in your account for ${idp.url}`
    await refused(issue(), 400, 'InvalidIdentityToken', none, { RoleArn: away.arn })
    await refused(issue(), 400, 'InvalidIdentityToken', none, { RoleArn: 'arn:aws:iam::999999999999:role/build' })
  })

  test('security test 19: a token that is forged, stale or for somebody else lets nobody in', async () => {
    const { key, keyId } = idp.signingKey('RS256')
    const seconds = Math.floor(registry.clock.now() / 1000)
    const claims = {
      ...{ iss: idp.url, sub: 'repo:org/app:ref:refs/heads/main', aud: 'sts.amazonaws.com' },
      ...{ iat: seconds, exp: seconds + 600 },
    }
    const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' })
    const [hsHeader, hsClaims] = [{ alg: 'HS256', kid: keyId }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    const hs256 = `${hsHeader}.${hsClaims}.${createHmac('sha256', publicPem).update(`${hsHeader}.${hsClaims}`).digest('base64url')}`
    const evil = await createOidcProvider()
    const noKey = `Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements`
    try {
      const forged: [name: string, token: string, code: string, message: string | RegExp][] = [
        ['alg none', `${signToken({ alg: 'none' }, claims, key)}`, 'InvalidIdentityToken', notAToken],
        ['HS256 with the public key', hs256, 'InvalidIdentityToken', notAToken],
        ['a kid that is a path', issue({}, { kid: '../../etc/passwd' }), 'InvalidIdentityToken', noKey],
        [
          'a jku of the attacker',
          signToken({ alg: 'RS256', kid: keyId, jku: `${evil.url}/keys` }, claims, attacker.privateKey),
          'InvalidIdentityToken',
          'The signature of the token is not valid',
        ],
        [
          'a key in the token',
          signToken(
            { alg: 'RS256', kid: keyId, jwk: attacker.publicKey.export({ format: 'jwk' }) },
            claims,
            attacker.privateKey,
          ),
          'InvalidIdentityToken',
          'The signature of the token is not valid',
        ],
        [
          'expired',
          issue({ exp: seconds - 301, iat: seconds - 900 }),
          'ExpiredTokenException',
          `Token expired: current date/time ${seconds} must be before the expiration date/time ${seconds - 301}`,
        ],
        [
          'another audience',
          issue({ aud: 'https://github.com/org' }),
          'InvalidIdentityToken',
          'Incorrect token audience',
        ],
        [
          'another issuer with the same subject',
          evil.issue({}, { now: registry.clock.now() }),
          'InvalidIdentityToken',
          `No OpenIDConnect provider found in your account for ${evil.url}`,
        ],
        [
          'the issuer’s name with another key',
          evil.issue({ iss: idp.url }, { now: registry.clock.now() }),
          'InvalidIdentityToken',
          'The signature of the token is not valid',
        ],
      ]
      for (const [name, token, code, message] of forged) {
        const answer = await anybody.call('AssumeRoleWithWebIdentity', input(token))
        assert.equal(answer.status, 400, `${name}: ${answer.text}`)
        assert.ok(answer.text.includes(`<Code>${code}</Code>`), `${name}: ${answer.text}`)
        assert.ok(
          answer.text.replaceAll('&apos;', "'").includes(`<Message>${message}</Message>`),
          `${name}: ${answer.text}`,
        )
      }
      assert.equal(evil.requests.size, 0, 'nobody asked the attacker for anything')
    } finally {
      await evil.close()
    }
    await asAmazon({})
  })

  test('session tags and a source identity come from the token, and the trust policy must let them in', async () => {
    const tags = { principal_tags: { team: ['blue'] }, transitive_tag_keys: ['team'] }
    const claims = {
      ...{ 'https://aws.amazon.com/tags': tags, 'https://aws.amazon.com/source_identity': 'octocat' },
      sub: 'tagged',
    }
    await refused(issue({ ...claims, sub: 'repo:org/app:tagged' }), 403, 'AccessDenied', deniedMessage)
    const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity']
    const blue = {
      StringEquals: {
        ...{ 'aws:PrincipalTag/team': 'blue', 'aws:SourceIdentity': 'octocat', 'aws:FederatedProvider': providerArn },
      },
    }
    const tagged = await createRole(registry.iam(), {
      name: 'tagged',
      trust: trusting(providerArn, { [`${issuer()}:sub`]: 'tagged', 'sts:RoleSessionName': 'run-*' }, actions),
      allow: allow(['ecr:DescribeRegistry'], { Condition: blue }),
    })
    const made = await asAmazon({ RoleArn: tagged.arn, WebIdentityToken: issue(claims) })
    assert.equal(made.SourceIdentity, 'octocat')
    assert.ok((made.PackedPolicySize ?? 0) > 0)
    await registry.awsAs(credentialsOf(made.Credentials)).ok('DescribeRegistry')
    const named = { RoleArn: tagged.arn, RoleSessionName: 'walk-7' }
    await refused(issue(claims), 403, 'AccessDenied', deniedMessage, named)
    const halves = { ...claims, 'https://aws.amazon.com/tags': { principal_tags: { team: ['a', 'b'] } } }
    const answer = await anybody.call('AssumeRoleWithWebIdentity', input(issue(halves), { RoleArn: tagged.arn }))
    assert.equal(answer.status, 403)
    assert.match(answer.text, /<Code>IDPRejectedClaim<\/Code>/)
  })

  describe('GitHub Actions', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'github', alg: 'RS256', use: 'sig' }]
    const token = (repository: string, ref: string, more: Record<string, unknown> = {}) => {
      const seconds = Math.floor(registry.clock.now() / 1000)
      const claims = {
        ...{ iss: `https://${github}`, aud: 'sts.amazonaws.com', iat: seconds, exp: seconds + 300 },
        ...{ sub: `repo:${repository}:ref:${ref}`, repository, ref, actor: 'octocat', workflow: 'release' },
        ...{ repository_id: '42', job_workflow_ref: `${repository}/.github/workflows/release.yml@${ref}`, ...more },
      }
      return signToken({ alg: 'RS256', typ: 'JWT', kid: 'github' }, claims, pair.privateKey)
    }
    before(() => createProvider(registry.iam(), { url: `https://${github}`, staticJwks: JSON.stringify({ keys }) }))
    let made = 0
    const roleFor = (condition: object) => {
      made += 1
      return createRole(registry.iam(), {
        name: `github-${made}`,
        trust: {
          ...{ Effect: 'Allow', Principal: { Federated: githubArn }, Action: 'sts:AssumeRoleWithWebIdentity' },
          Condition: { StringEquals: { [`${github}:aud`]: 'sts.amazonaws.com' }, ...condition },
        },
      })
    }

    test('security test 20: a fork, a name that begins alike, another branch', async () => {
      const main = 'refs/heads/main'
      const rows: [condition: object, token: string, isLetIn: boolean][] = []
      const exactly = { StringLike: { [`${github}:sub`]: 'repo:org/repo:*' } }
      rows.push([exactly, token('org/repo', main), true])
      rows.push([exactly, token('org/repo-evil', main), false])
      rows.push([exactly, token('fork/repo', main), false])
      rows.push([exactly, token('org/repo', main, { sub: 'repo:fork/repo:pull_request' }), false])
      rows.push([exactly, token('org/repo', main, { sub: 'REPO:ORG/REPO:ref:x' }), false])
      const alike = { StringLike: { [`${github}:sub`]: 'repo:org/repo*' } }
      rows.push([alike, token('org/repo-evil', main), true])
      rows.push([alike, token('evil/org/repo', main), false])
      const branch = { StringEquals: { [`${github}:sub`]: `repo:org/repo:ref:${main}` } }
      rows.push([branch, token('org/repo', main), true])
      rows.push([branch, token('org/repo', 'refs/heads/main-2'), false])
      const byClaims = {
        StringEquals: { [`${github}:repository_id`]: '42', [`${github}:workflow`]: 'release', [`${github}:ref`]: main },
      }
      rows.push([byClaims, token('org/repo', main), true])
      rows.push([byClaims, token('org/repo', main, { repository_id: '43' }), false])
      rows.push([byClaims, token('org/repo', main, { repository_id: ['42', '43'] }), false])
      rows.push([byClaims, token('org/repo', main, { workflow: undefined }), false])
      for (const [condition, text, isLetIn] of rows) {
        const { arn } = await roleFor(condition)
        const answer = await anybody.call('AssumeRoleWithWebIdentity', input(text, { RoleArn: arn }))
        const claims = Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()
        assert.equal(answer.status, isLetIn ? 200 : 403, `${JSON.stringify(condition)} ${claims}: ${answer.text}`)
        if (isLetIn) await registry.sts(credentialsIn(answer.text)).ok('GetCallerIdentity')
      }
    })

    test('security test 20: a trust policy that anybody on GitHub would meet is not saved', async () => {
      const message = `Trust policy for the identity provider ${github} must evaluate ${github}:sub or another identifying claim.`
      const save = (statements: Statements) =>
        registry
          .iam()
          .refused(
            'CreateRole',
            { RoleName: 'open-to-all', AssumeRolePolicyDocument: policyText(statements) },
            400,
            'MalformedPolicyDocument',
            message,
          )
      const open = {
        ...{ Effect: 'Allow', Principal: { Federated: githubArn }, Action: 'sts:AssumeRoleWithWebIdentity' },
      }
      await save(open)
      await save({ ...open, Condition: { StringEquals: { [`${github}:aud`]: 'sts.amazonaws.com' } } })
    })

    test('the audience of the workflow is one that the provider knows', async () => {
      const { arn } = await roleFor({ StringLike: { [`${github}:sub`]: 'repo:org/repo:*' } })
      const mine = token('org/repo', 'refs/heads/main', { aud: 'https://github.com/org' })
      await refused(mine, 400, 'InvalidIdentityToken', 'Incorrect token audience', { RoleArn: arn })
    })
  })

  test('pods of Kubernetes: a projected token, and where the pod runs', async () => {
    const cluster = 'https://kubernetes.default.svc.cluster.local'
    const name = cluster.slice('https://'.length)
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'cluster', alg: 'RS256', use: 'sig' }]
    const arn = await createProvider(registry.iam(), { url: cluster, staticJwks: JSON.stringify({ keys }) })
    const seconds = Math.floor(registry.clock.now() / 1000)
    const claims = (namespace: string, serviceAccount: string) => ({
      ...{ iss: cluster, aud: ['sts.amazonaws.com'], iat: seconds, nbf: seconds, exp: seconds + 3600 },
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: serviceAccount, uid: 'u' },
        pod: { name: 'p-1', uid: 'v' },
      },
    })
    const tokenOf = (namespace: string, serviceAccount: string) =>
      signToken({ alg: 'RS256', kid: 'cluster' }, claims(namespace, serviceAccount), pair.privateKey)
    const bySubject = await createRole(registry.iam(), {
      name: 'puller',
      trust: {
        ...{ Effect: 'Allow', Principal: { Federated: arn }, Action: 'sts:AssumeRoleWithWebIdentity' },
        Condition: {
          StringEquals: { [`${name}:sub`]: 'system:serviceaccount:shop:web', [`${name}:aud`]: 'sts.amazonaws.com' },
        },
      },
      allow: allow('ecr:DescribeRegistry'),
    })
    const byNamespace = await createRole(registry.iam(), {
      name: 'namespaced',
      trust: trusting(arn, { [`${name}:kubernetes.io/namespace`]: 'shop' }),
    })
    const session = await asAmazon({ RoleArn: bySubject.arn, WebIdentityToken: tokenOf('shop', 'web') })
    await registry.awsAs(credentialsOf(session.Credentials)).ok('DescribeRegistry')
    await refused(tokenOf('shop', 'other'), 403, 'AccessDenied', deniedMessage, { RoleArn: bySubject.arn })
    await asAmazon({ RoleArn: byNamespace.arn, WebIdentityToken: tokenOf('shop', 'other') })
    await refused(tokenOf('default', 'web'), 403, 'AccessDenied', deniedMessage, { RoleArn: byNamespace.arn })
  })

  test('a provider that is deleted lets nobody in any more; sessions that it brought go on', async () => {
    const url = 'https://issuer.example.com'
    const staticJwks = JSON.stringify(idp.keySet())
    const arn = await createProvider(registry.iam(), { url, staticJwks })
    const { arn: RoleArn } = await createRole(registry.iam(), {
      name: 'soon-gone',
      trust: trusting(arn, { 'issuer.example.com:sub': '*' }),
    })
    const token = issue({ iss: url })
    const session = await asAmazon({ RoleArn, WebIdentityToken: token })
    await registry.iam().ok('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: arn })
    const none = `No OpenIDConnect provider found in your account for ${url}`
    await refused(token, 400, 'InvalidIdentityToken', none, { RoleArn })
    await registry.sts(credentialsOf(session.Credentials)).ok('GetCallerIdentity')
  })
})
