// A request of IAM or STS, step by step: read the signature and the body, find the operation, verify, decode, run. Parameters come in a form
// body, or in the query of a GET that is signed there (AWS Query protocol). Any throw ends in `fail`, the only writer of errors.

import { hash } from 'node:crypto'
import { iamNamespace, iamVersion } from '@berth/api/iam/operation-names.ts'
import { type AccountId, parseRegion, type Region } from '@berth/api/names/registry.ts'
import { type QueryParameter, splitTarget } from '@berth/api/sigv4/canonical-request.ts'
import { stsNamespace, stsVersion } from '@berth/api/sts/operation-names.ts'
import { checkScope, isFailedLogin, type ParsedSignature, parseSignature } from '../../auth/signature.ts'
import type { SignatureVerifier } from '../../auth/verify-signature.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Principal } from '../../base/principal.ts'
import type { BodyReader } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { IdentityOperation } from '../../operations/identity-operation.ts'
import { identityOperations } from '../../operations/identity-operations.ts'
import type { Services } from '../../operations/services.ts'
import type { Auditor, Call } from '../auditor.ts'
import { contextOf, signedRequest } from '../context.ts'
import type { Throttles } from '../throttles.ts'
import { type QueryError, toQueryError } from './errors.ts'
import { parseForm, readInput } from './query-input.ts'
import { renderError, renderResult } from './xml-output.ts'

const limits = { maxBytes: 1024 * 1024, timeoutMs: 30_000 }

export type AwsQueryWire = (exchange: Exchange) => Promise<void>

export interface AwsQueryParts {
  signatures: SignatureVerifier
  services: (exchange: Exchange) => Services
  bodies: BodyReader
  clock: Clock
  /** Of requests that name none: unsigned ones. */
  homeRegion: Region
  auditor: Auditor
  throttles: Throttles
}

type QueryService = IdentityOperation['service']
const versions: Record<string, QueryService> = { [iamVersion]: 'iam', [stsVersion]: 'sts' }
const namespaces: Record<QueryService, string> = { iam: iamNamespace, sts: stsNamespace }

export function createAwsQueryWire(parts: AwsQueryParts): AwsQueryWire {
  const { signatures, bodies, clock, homeRegion, auditor, throttles } = parts

  /** Gives the output and its XML. */
  async function run(exchange: Exchange, call: Call & { source: QueryService }): Promise<[object, string]> {
    const { request } = exchange
    const query = splitTarget(request.url ?? '').query
    const isForm = exchange.method === 'POST'
    return bodies.read(request, limits, async (body) => {
      const parameters = parseForm(isForm ? textOf(body) : query)
      const value = (name: string) => parameters.find((parameter) => parameter.name === name)?.value ?? ''
      const service = versions[value('Version')]
      if (service) call.source = service
      const operation = service && identityOperations.get(`${service}:${value('Action')}`)
      if (operation) call.name = operation.name
      const signature = operation?.isUnsigned ? undefined : parseSignature(signedRequest(exchange))
      if (signature) {
        call.claimedAccessKeyId = signature.accessKeyId
        call.principal = await verify(exchange, signature, service ?? 'sts', body)
        call.region = parseRegion(signature.region) ?? homeRegion
      }
      if (!operation) throw unknownOperation(value('Action'), value('Version'))
      if (service === 'sts') throttles.countStsCall(call.principal?.accessKeyId, exchange.clientAddress)
      return execute(exchange, operation, parameters, call)
    })
  }

  function verify(exchange: Exchange, signature: ParsedSignature, service: QueryService, body: Buffer) {
    checkScope(signature, clock.now(), signatures.rules(service))
    return signatures.verify(signature, signedRequest(exchange), hash('sha256', body, 'hex'), service)
  }

  async function execute(
    exchange: Exchange,
    operation: IdentityOperation,
    parameters: readonly QueryParameter[],
    call: Call,
  ): Promise<[object, string]> {
    const { service, name, input, output: shape } = operation
    const { principal = nobody } = call
    exchange.record.principal = principal.arn
    exchange.record.action = `${service}:${name}`
    const region = parseRegion(call.region ?? '') ?? homeRegion
    const ctx = contextOf(exchange, principal, { accountId: principal.accountId, region })
    call.input = readInput(input, parameters)
    const value = await operation.execute(call.input, ctx, parts.services(exchange), (resource) => {
      call.resources = [...(call.resources ?? []), resource]
    })
    const { requestId } = exchange
    return [value, renderResult({ operation: name, namespace: namespaces[service], shape, value, requestId })]
  }

  return async (exchange) => {
    const call: Call & { source: QueryService } = { source: 'sts' }
    try {
      const [output, xml] = await run(exchange, call)
      send(exchange, 200, xml)
      auditor.record(exchange, call, { output })
    } catch (failure) {
      const throttled = isUnproved(call, failure) ? throttles.failedLogin(exchange.clientAddress) : undefined
      const thrown = throttled ?? failure
      const error = fail(exchange, thrown, namespaces[call.source])
      auditor.record(exchange, call, { error, thrown })
    }
  }
}

/** What AssumeRoleWithWebIdentity says of a token that lets nobody in. */
const refusedTokens = new Set(['AccessDenied', 'InvalidIdentityToken', 'ExpiredTokenException', 'IDPRejectedClaim'])

function isUnproved({ principal }: Call, thrown: unknown): boolean {
  return isFailedLogin(thrown) || (principal === undefined && refusedTokens.has(toQueryError(thrown)?.code ?? ''))
}

/** Who asks before anything is proved. */
const nobody: Principal = {
  accountId: '000000000000' as AccountId,
  userId: '',
  arn: '',
  accessKeyId: '',
  accessKeyVersion: 0,
  caller: { kind: 'web-identity', accountId: '', arn: '', provider: '' },
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new IdentityError('ValidationError', 'The body is not UTF-8.')
  }
}

function unknownOperation(action: string, version: string): IdentityError {
  const name = action.slice(0, 100)
  if (name === '') return new IdentityError('InvalidAction', 'The request has no Action.')
  return new IdentityError(
    'InvalidAction',
    `Could not find operation ${name} for version ${version.slice(0, 20) || 'NO_VERSION_SPECIFIED'}`,
  )
}

function fail(exchange: Exchange, thrown: unknown, namespace: string): QueryError {
  const known = toQueryError(thrown)
  if (!known) exchange.log.error({ err: thrown, requestId: exchange.requestId }, 'a request failed')
  const answer: QueryError = known ?? {
    status: 500,
    code: 'ServiceFailure',
    message: `Something went wrong. The request id is ${exchange.requestId}.`,
  }
  const { status, code, message, headers } = answer
  exchange.record.error = code
  const type = status >= 500 ? 'Receiver' : 'Sender'
  send(exchange, status, renderError({ namespace, type, code, message, requestId: exchange.requestId }), headers)
  return answer
}

function send(exchange: Exchange, status: number, xml: string, headers: Record<string, string> = {}): void {
  const { response } = exchange
  if (response.destroyed) return
  const bytes = Buffer.from(xml)
  response.statusCode = status
  response.setHeader('Content-Type', 'text/xml')
  response.setHeader('Content-Length', bytes.length)
  response.setHeader('x-amzn-RequestId', exchange.requestId)
  for (const [name, text] of Object.entries(headers)) response.setHeader(name, text)
  response.end(bytes)
}
