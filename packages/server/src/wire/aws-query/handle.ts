// A request of IAM or STS, step by step: read the signature and the body, find the operation, verify, decode, run. Parameters come in a form
// body, or in the query of a GET that is signed there (AWS Query protocol). Any throw ends in `fail`, the only writer of errors.

import { hash } from 'node:crypto'
import { iamNamespace, iamVersion } from '@berth/api/iam/operation-names.ts'
import { type AccountId, parseRegion, type Region } from '@berth/api/names/registry.ts'
import { type QueryParameter, splitTarget } from '@berth/api/sigv4/canonical-request.ts'
import { stsNamespace, stsVersion } from '@berth/api/sts/operation-names.ts'
import { checkScope, type ParsedSignature, parseSignature } from '../../auth/signature.ts'
import type { SignatureVerifier } from '../../auth/verify-signature.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Principal } from '../../base/principal.ts'
import type { BodyReader } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { IdentityOperation } from '../../operations/identity-operation.ts'
import { identityOperations } from '../../operations/identity-operations.ts'
import type { Services } from '../../operations/services.ts'
import { contextOf } from '../context.ts'
import { toQueryError } from './errors.ts'
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
}

type QueryService = IdentityOperation['service']
const versions: Record<string, QueryService> = { [iamVersion]: 'iam', [stsVersion]: 'sts' }
const namespaces: Record<QueryService, string> = { iam: iamNamespace, sts: stsNamespace }

export function createAwsQueryWire(parts: AwsQueryParts): AwsQueryWire {
  const { signatures, bodies, clock, homeRegion } = parts

  async function run(exchange: Exchange, heard: (service: QueryService) => void): Promise<string> {
    const { request } = exchange
    const query = splitTarget(request.url ?? '').query
    const isForm = exchange.method === 'POST'
    return bodies.read(request, limits, async (body) => {
      const parameters = parseForm(isForm ? textOf(body) : query)
      const value = (name: string) => parameters.find((parameter) => parameter.name === name)?.value ?? ''
      const service = versions[value('Version')]
      if (service) heard(service)
      const operation = service && identityOperations.get(`${service}:${value('Action')}`)
      const signature = operation?.isUnsigned ? undefined : parseSignature(signedRequest(exchange))
      const principal = signature && (await verify(exchange, signature, service ?? 'sts', body))
      if (!operation) throw unknownOperation(value('Action'), value('Version'))
      return execute(exchange, operation, parameters, principal, signature)
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
    principal: Principal = nobody,
    signature?: ParsedSignature,
  ): Promise<string> {
    const { service, name, input, output: shape } = operation
    exchange.record.principal = principal.arn
    exchange.record.action = `${service}:${name}`
    const region = parseRegion(signature?.region ?? '') ?? homeRegion
    const ctx = contextOf(exchange, principal, { accountId: principal.accountId, region })
    const value = await operation.execute(readInput(input, parameters), ctx, parts.services(exchange), () => {})
    return renderResult({
      operation: name,
      namespace: namespaces[service],
      shape,
      value,
      requestId: exchange.requestId,
    })
  }

  return async (exchange) => {
    let service: QueryService = 'sts'
    try {
      send(
        exchange,
        200,
        await run(exchange, (heard) => {
          service = heard
        }),
      )
    } catch (thrown) {
      fail(exchange, thrown, namespaces[service])
    }
  }
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

function signedRequest({ request }: Exchange) {
  return { method: request.method ?? '', target: request.url ?? '', rawHeaders: request.rawHeaders }
}

function unknownOperation(action: string, version: string): IdentityError {
  const name = action.slice(0, 100)
  if (name === '') return new IdentityError('InvalidAction', 'The request has no Action.')
  return new IdentityError(
    'InvalidAction',
    `Could not find operation ${name} for version ${version.slice(0, 20) || 'NO_VERSION_SPECIFIED'}`,
  )
}

function fail(exchange: Exchange, thrown: unknown, namespace: string): void {
  const known = toQueryError(thrown)
  if (!known) exchange.log.error({ err: thrown, requestId: exchange.requestId }, 'a request failed')
  const { status, code, message } = known ?? {
    status: 500,
    code: 'ServiceFailure',
    message: `Something went wrong. The request id is ${exchange.requestId}.`,
  }
  exchange.record.error = code
  const type = status >= 500 ? 'Receiver' : 'Sender'
  send(exchange, status, renderError({ namespace, type, code, message, requestId: exchange.requestId }))
}

function send(exchange: Exchange, status: number, xml: string): void {
  const { response } = exchange
  if (response.destroyed) return
  const bytes = Buffer.from(xml)
  response.statusCode = status
  response.setHeader('Content-Type', 'text/xml')
  response.setHeader('Content-Length', bytes.length)
  response.setHeader('x-amzn-RequestId', exchange.requestId)
  response.end(bytes)
}
