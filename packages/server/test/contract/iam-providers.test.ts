// Identity providers of IAM: whole answers by Amazon's client, which URLs and key sets are refused, and who may (IAM
// CreateOpenIDConnectProvider and its neighbours).

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type QueryParameters, type QueryWire, textOf } from '../support/query-wire.ts'

const arnOf = (hostAndPath: string) => `arn:aws:iam::${account}:oidc-provider/${hostAndPath}`
const createdAt = new Date('2026-11-14T12:00:00Z')
const thumbprint = (n: number) => n.toString(16).padStart(40, '0')
const listed = (name: string, values: readonly string[]): QueryParameters =>
  Object.fromEntries(values.map((value, i) => [`${name}.member.${i + 1}`, value]))

let registry: ContractRegistry
let iam: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry({ oidcAllowedHosts: 'issuer.internal:8443' })
  iam = registry.iam()
  amazon = iamClient(registry)
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const sdk = amazonIam()
const keySet = () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] }
}

describe('providers', () => {
  test('the whole answer of each operation', async () => {
    const arn = arnOf('oidc.example.com/id/ABC')
    const Tags = [{ Key: 'cluster', Value: 'one' }]
    const made = await amazon.send(
      new sdk.CreateOpenIDConnectProviderCommand({
        Url: 'https://oidc.example.com/id/ABC',
        ClientIDList: ['sts.amazonaws.com', 'sts.amazonaws.com'],
        ThumbprintList: [thumbprint(1)],
        Tags,
      }),
    )
    assert.deepEqual(membersOf(made), { OpenIDConnectProviderArn: arn, Tags })
    const OpenIDConnectProviderArn = arn
    const get = async () =>
      membersOf(await amazon.send(new sdk.GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn })))
    const whole = {
      Url: 'oidc.example.com/id/ABC',
      ClientIDList: ['sts.amazonaws.com'],
      ThumbprintList: [thumbprint(1)],
      CreateDate: createdAt,
      Tags,
    }
    assert.deepEqual(await get(), whole)
    const providers = await amazon.send(new sdk.ListOpenIDConnectProvidersCommand({}))
    assert.deepEqual(membersOf(providers), { OpenIDConnectProviderList: [{ Arn: arn }] })

    const add = (ClientID: string) =>
      amazon.send(new sdk.AddClientIDToOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }))
    await add('b')
    await add('b')
    const ClientIDList = ['sts.amazonaws.com', 'b']
    assert.deepEqual(await get(), { ...whole, ClientIDList })
    const remove = (ClientID: string) =>
      amazon.send(new sdk.RemoveClientIDFromOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }))
    await remove('sts.amazonaws.com')
    // IAM: "Does not fail if the client ID does not exist".
    await remove('never')
    await amazon.send(
      new sdk.UpdateOpenIDConnectProviderThumbprintCommand({ OpenIDConnectProviderArn, ThumbprintList: [] }),
    )
    await amazon.send(
      new sdk.TagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, Tags: [{ Key: 'a', Value: 'b' }] }),
    )
    await amazon.send(new sdk.UntagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, TagKeys: ['CLUSTER'] }))
    const tags = [{ Key: 'a', Value: 'b' }]
    assert.deepEqual(await get(), { ...whole, ClientIDList: ['b'], ThumbprintList: [], Tags: tags })
    const ofTags = await amazon.send(new sdk.ListOpenIDConnectProviderTagsCommand({ OpenIDConnectProviderArn }))
    assert.deepEqual(membersOf(ofTags), { Tags: tags, IsTruncated: false })

    await amazon.send(new sdk.DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }))
    const parameters: [string, QueryParameters][] = [
      ['GetOpenIDConnectProvider', {}],
      ['DeleteOpenIDConnectProvider', {}],
      ['AddClientIDToOpenIDConnectProvider', { ClientID: 'a' }],
      ['RemoveClientIDFromOpenIDConnectProvider', { ClientID: 'a' }],
      ['UpdateOpenIDConnectProviderThumbprint', listed('ThumbprintList', [thumbprint(1)])],
    ]
    for (const [action, more] of parameters) {
      const message = `OpenIDConnect Provider not found for arn ${arn}`
      await iam.refused(action, { OpenIDConnectProviderArn: arn, ...more }, 404, 'NoSuchEntity', message)
    }
    assert.doesNotMatch(await iam.ok('ListOpenIDConnectProviders'), /oidc\.example\.com/)
  })

  test('one of a URL that is there is refused', async () => {
    const parameters = { Url: 'https://twice.example.com' }
    await iam.ok('CreateOpenIDConnectProvider', parameters)
    const message = 'Provider with url https://twice.example.com already exists.'
    await iam.refused('CreateOpenIDConnectProvider', parameters, 409, 'EntityAlreadyExists', message)
  })

  const urls: [string, string][] = [
    ['http://issuer.example.com', 'must begin with https://'],
    ['https://user:secret@issuer.example.com', 'must not hold a user or a password'],
    ['https://issuer.example.com/#x', 'must not have a fragment'],
    ['https://issuer.example.com/?x', 'must not have a query'],
    ['https://issuer.example.com:22', 'must have port 443, or one from 1024'],
    ['https://localhost', 'must have a public host'],
    ['https://issuer.internal', 'must have a public host'],
    ['https://169.254.169.254', 'must not have an address that is not public'],
    ['https://127.0.0.1', 'must not have an address that is not public'],
    ['https://[::ffff:10.0.0.1]', 'must not have an address that is not public'],
    ['https://2130706433', 'must not have an address that is not public'],
    ['https://0x7f.1', 'must not have an address that is not public'],
    ['https://issuer.example.com/a/../b', 'must be spelled https://issuer.example.com/b'],
    [`https://issuer.example.com/${'a'.repeat(230)}`, ''],
  ]
  for (const [Url, reason] of urls) {
    test(`the URL ${Url.slice(0, 50)} is refused`, async () => {
      const { status, text } = await iam.call('CreateOpenIDConnectProvider', { Url })
      assert.deepEqual([status, textOf(text, 'Code')], [400, 'ValidationError'])
      if (reason !== '') assert.equal(textOf(text, 'Message'), `Invalid Open ID Connect Provider URL: it ${reason}.`)
    })
  }

  test('a private host that the operator allows is taken', async () => {
    const Url = 'https://issuer.internal:8443'
    const made = await iam.ok('CreateOpenIDConnectProvider', { Url })
    assert.equal(textOf(made, 'OpenIDConnectProviderArn'), arnOf('issuer.internal:8443'))
  })

  test('100 client ids and five thumbprints at most', async () => {
    const Url = 'https://limits.example.com'
    const ids = (count: number) =>
      listed(
        'ClientIDList',
        Array.from({ length: count }, (_, i) => `id-${i}`),
      )
    const full = 'Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100'
    await iam.refused('CreateOpenIDConnectProvider', { Url, ...ids(101) }, 409, 'LimitExceeded', full)
    await iam.ok('CreateOpenIDConnectProvider', { Url, ...ids(100) })
    const OpenIDConnectProviderArn = arnOf('limits.example.com')
    const more = { OpenIDConnectProviderArn, ClientID: 'more' }
    await iam.refused('AddClientIDToOpenIDConnectProvider', more, 409, 'LimitExceeded', full)
    const prints = (values: string[]) => ({ OpenIDConnectProviderArn, ...listed('ThumbprintList', values) })
    const six = prints([1, 2, 3, 4, 5, 6].map(thumbprint))
    const most = 'Thumbprint list must contain at most 5 entries.'
    await iam.refused('UpdateOpenIDConnectProviderThumbprint', six, 400, 'InvalidInput', most)
    const form = 'A thumbprint is 40 hexadecimal digits.'
    await iam.refused('UpdateOpenIDConnectProviderThumbprint', prints(['x'.repeat(40)]), 400, 'ValidationError', form)
    await iam.ok('UpdateOpenIDConnectProviderThumbprint', prints([1, 2, 3, 4, 5].map(thumbprint)))
  })

  test('StaticJwks: kept and shown; what holds no public key is refused', async () => {
    const StaticJwks = JSON.stringify(keySet())
    await iam.ok('CreateOpenIDConnectProvider', { Url: 'https://static.example.com', StaticJwks })
    const got = await iam.ok('GetOpenIDConnectProvider', { OpenIDConnectProviderArn: arnOf('static.example.com') })
    assert.equal(textOf(got, 'StaticJwks'), StaticJwks)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const refusals: [string, string][] = [
      ['{}', 'has no list of keys'],
      ['[]', 'is no object'],
      ['{"keys":[]}', 'has no public key of RSA, P-256, P-384 or P-521'],
      ['{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', 'has no public key of RSA, P-256, P-384 or P-521'],
      [JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }), 'has a private or secret key'],
    ]
    for (const [text, reason] of refusals) {
      const parameters = { Url: 'https://keys.example.com', StaticJwks: text }
      const message = `Invalid StaticJwks: the key set ${reason}.`
      await iam.refused('CreateOpenIDConnectProvider', parameters, 400, 'ValidationError', message)
    }
  })

  test('of another account can neither be seen nor changed', async () => {
    const others = registry.iam(await registry.createAccount('210987654321'))
    await others.ok('CreateOpenIDConnectProvider', { Url: 'https://theirs.example.com' })
    const theirs = 'arn:aws:iam::210987654321:oidc-provider/theirs.example.com'
    await iam.ok('CreateOpenIDConnectProvider', { Url: 'https://theirs.example.com' })
    const message = `OpenIDConnect Provider not found for arn ${theirs}`
    for (const action of ['GetOpenIDConnectProvider', 'DeleteOpenIDConnectProvider', 'ListOpenIDConnectProviderTags'])
      await iam.refused(action, { OpenIDConnectProviderArn: theirs }, 404, 'NoSuchEntity', message)
    assert.match(await others.ok('ListOpenIDConnectProviders'), /theirs/)
  })

  test('who may: by the ARN of the provider', async () => {
    const maker = registry.iam(await registry.createUser('maker'))
    const PolicyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Action: 'iam:*', Resource: arnOf('ci.example.com/*') },
    })
    await iam.ok('PutUserPolicy', { UserName: 'maker', PolicyName: 'own', PolicyDocument })
    await maker.ok('CreateOpenIDConnectProvider', { Url: 'https://ci.example.com/team' })
    const other = 'https://cd.example.com/team'
    const message = `User: arn:aws:iam::${account}:user/maker is not authorized to perform: iam:CreateOpenIDConnectProvider on resource: ${arnOf('cd.example.com/team')} because no identity-based policy allows the iam:CreateOpenIDConnectProvider action`
    await maker.refused('CreateOpenIDConnectProvider', { Url: other }, 403, 'AccessDenied', message)
  })
})
