// `npm run bench -- auth`: what it costs to know who asks and to decide, with 1,000 principals and 200 statements that speak of the caller.
// In the process of the measurement, on the parts that serve: a real store, its directory, real tokens and signatures.

import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type AccountId, parseRegion, repositoryArn } from '@berth/api/names/registry.ts'
import { signRequest } from '@berth/api/sigv4/sign.ts'
import { createAuthorizationMessages } from '../../src/auth/authorization-message.ts'
import { createDockerTokens } from '../../src/auth/docker-token.ts'
import { createSessionTokens } from '../../src/auth/session-token.ts'
import { checkScope, parseSignature } from '../../src/auth/signature.ts'
import { nodeDigests } from '../../src/auth/signing-keys.ts'
import { createSignatureVerifier } from '../../src/auth/verify-signature.ts'
import { systemClock as clock } from '../../src/base/clock.ts'
import { randomIds as ids } from '../../src/base/ids.ts'
import { silentLog as log } from '../../src/base/log.ts'
import { parseConfig } from '../../src/config.ts'
import { createAccessKeys } from '../../src/domain/identities/access-keys.ts'
import { createAuthorizer } from '../../src/domain/policies/authorize.ts'
import { createResourcePolicies } from '../../src/domain/policies/resource-policies.ts'
import { Exchange } from '../../src/http/exchange.ts'
import { openInstallation } from '../../src/installation.ts'
import { entitiesTable } from '../../src/storage/metadata/tables/entities.ts'
import { generationsTable } from '../../src/storage/metadata/tables/generations.ts'
import { contextOf } from '../../src/wire/context.ts'
import { authenticate } from '../../src/wire/oci/credentials.ts'
import { median } from '../statistics.ts'

const principals = 1000
const statements = 200
const batch = 50
const batches = 400

export async function measureAuth(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-bench-auth-'))
  const config = parseConfig({ flags: { dataDir, durability: 'relaxed' }, env: {} })
  const onFailedSync = (error: unknown) => {
    throw error
  }
  const installation = await openInstallation(config, { clock, ids, log, mayInitialise: true, onFailedSync })
  const { metadata, keyRing, directory, identities, accountId } = installation
  const accessKeys = createAccessKeys({ metadata, keyRing, clock, ids, log })
  try {
    const caller = await fill(metadata, accountId)
    const { accessKeyId, secretAccessKey } = await accessKeys.create(accountId, caller)
    const resourcePolicies = createResourcePolicies({ metadata })
    const { seal: sealMessage } = createAuthorizationMessages(keyRing, installation.id)
    const authorizer = createAuthorizer({ directory, resourcePolicies, clock, sealMessage })
    const tokens = createDockerTokens({
      ...{ keyRing, identities, clock, installationId: installation.id, isSessionBound: false },
    })
    const isServed = () => true
    const sessionTokens = createSessionTokens(keyRing, installation.id)
    const signatures = createSignatureVerifier({ identities, accessKeys, sessionTokens, clock, isServed })
    const region = parseRegion('us-east-1')
    const key = await identities.findAccessKey(accessKeyId)
    if (!region || !key) throw new Error('the caller has no key')
    const registry = { accountId, region }
    const access = (action: string) => ({ action, resource: repositoryArn(registry, 'team-150/app'), accountId })

    const basic = () => `Basic ${Buffer.from(`AWS:${tokens.issue(key.principal, region).password}`).toString('base64')}`
    const byToken = async (authorization: string) => {
      const exchange = exchangeOf('GET', '/v2/team-150/app/manifests/latest', { host: 'localhost:5000', authorization })
      const { principal } = await authenticate(exchange, tokens, isServed, { source: 'ecr' })
      await authorizer.authorize(contextOf(exchange, principal, registry), access('ecr:BatchGetImage'))
    }
    const body = JSON.stringify({ repositoryName: 'team-150/app', imageIds: [{ imageTag: 'latest' }] })
    const signed = () =>
      signRequest({
        method: 'POST',
        url: 'http://localhost:5000/',
        headers: {
          host: 'localhost:5000',
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.BatchGetImage',
        },
        body,
        credentials: { accessKeyId, secretAccessKey },
        ...{ region, service: 'ecr', now: clock.now(), digests: nodeDigests },
      })
    const bySignature = async (headers: Record<string, string>) => {
      const exchange = exchangeOf('POST', '/', headers)
      const { request } = exchange
      const parts = { method: 'POST', target: '/', rawHeaders: request.rawHeaders }
      const signature = parseSignature(parts)
      checkScope(signature, clock.now(), signatures.rules('ecr'))
      const sha256 = createHash('sha256').update(body).digest('hex')
      const principal = await signatures.verify(signature, parts, sha256, 'ecr')
      await authorizer.authorize(contextOf(exchange, principal, registry), access('ecr:BatchGetImage'))
    }

    const used = basic()
    const headers = signed()
    const rows = [
      ['manifest GET by a token that was used before', 60, await measure(() => byToken(used))],
      ['manifest GET by a token at its first use', undefined, await measureEach(basic, byToken, batch)],
      ['API call by a signature', 100, await measure(() => bySignature(headers))],
    ] as const
    const lines = rows.map(
      ([name, aim, value]) => `| ${name} | ${value.toFixed(1)} | ${aim === undefined ? '' : `< ${aim}`} |`,
    )
    return [
      `${principals} principals, ${statements} statements of the caller; who asks and whether he may, median of ${batches} batches`,
      '',
      '| | µs | aim |',
      '| --- | --- | --- |',
      ...lines,
    ].join('\n')
  } finally {
    await accessKeys.close()
    await installation.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Users with a policy each, and one with ten policies of twenty statements; gives that one's id. */
async function fill(
  metadata: Awaited<ReturnType<typeof openInstallation>>['metadata'],
  accountId: AccountId,
): Promise<string> {
  const team = (n: number) => ({
    Effect: 'Allow',
    Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:PutImage'],
    Resource: `arn:aws:ecr:*:${accountId}:repository/team-${n}/*`,
    ...(n % 4 === 0 ? { Condition: { Bool: { 'aws:SecureTransport': 'false' } } } : {}),
  })
  const text = (first: number, count: number) =>
    JSON.stringify({ Version: '2012-10-17', Statement: Array.from({ length: count }, (_, n) => team(first + n)) })
  let caller = ''
  await metadata.write(async (tx) => {
    for (let n = 0; n < principals; n++) {
      const user = {
        entity_id: ids.entity('AIDA'),
        account_id: accountId,
        kind: 'user' as const,
        name: `user-${n}`,
        path: '/',
      }
      await entitiesTable.insert(tx, { ...user, created_at: clock.now() })
      if (n > 0) await entitiesTable.putInlinePolicy(tx, user.entity_id, 'team', text(n, 1))
      else caller = user.entity_id
    }
    for (let n = 0; n < statements / 20; n++)
      await entitiesTable.putInlinePolicy(tx, caller, `teams-${n}`, text(n * 20, 20))
    await generationsTable.move(tx, 'identities')
  })
  return caller
}

function exchangeOf(method: string, url: string, headers: Record<string, string>): Exchange {
  const rawHeaders = Object.entries(headers).flat()
  const request = { method, url, headers, rawHeaders } as unknown as IncomingMessage
  return new Exchange({
    request,
    response: {} as ServerResponse,
    ...{ requestId: 'bench', startedAt: 0, clientAddress: '192.0.2.1', isSecure: false, log },
  })
}

/** Microseconds of one, the median of batches. */
async function measure(one: () => Promise<void>): Promise<number> {
  const values: number[] = []
  for (let n = 0; n < batches; n++) {
    const began = performance.now()
    for (let each = 0; each < batch; each++) await one()
    values.push(((performance.now() - began) * 1000) / batch)
  }
  return median(values.slice(batches / 10))
}

/** The same with something new for each, which is made before the clock runs. */
async function measureEach<T>(make: () => T, one: (given: T) => Promise<void>, count: number): Promise<number> {
  const values: number[] = []
  for (let n = 0; n < batches / 4; n++) {
    const given = Array.from({ length: count }, make)
    const began = performance.now()
    for (const each of given) await one(each)
    values.push(((performance.now() - began) * 1000) / count)
  }
  return median(values.slice(10))
}
