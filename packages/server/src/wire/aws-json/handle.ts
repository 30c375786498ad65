// A request of ECR's API, step by step: find the operation, read the signature, read the body while hashing it, verify, decode, run.
// Any throw ends in `fail`, the only writer of errors.

import { createHash } from 'node:crypto'
import {
  isPrivateOperationName,
  isPublicOperationName,
  privateTargetPrefix,
  publicTargetPrefix,
} from '@berth/api/ecr/operation-names.ts'
import { JsonError, readJson } from '@berth/api/json/strict-json.ts'
import { parseRegion, repositoryArn } from '@berth/api/names/registry.ts'
import { SerializationError } from '@berth/api/shapes/serialization-error.ts'
import {
  checkScope,
  isFailedLogin,
  type ParsedSignature,
  parseSignature,
  SignatureError,
} from '../../auth/signature.ts'
import type { SignatureVerifier } from '../../auth/verify-signature.ts'
import type { Clock } from '../../base/clock.ts'
import type { Principal } from '../../base/principal.ts'
import { BodyError, type BodyReader } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import { withInterimAnswers } from '../../http/interim-answers.ts'
import { operations } from '../../operations/all.ts'
import type { Caller, Operation } from '../../operations/operation.ts'
import type { Services } from '../../operations/services.ts'
import type { Auditor, Call } from '../auditor.ts'
import { contextOf, signedRequest } from '../context.ts'
import type { Throttles } from '../throttles.ts'
import { type AwsError, AwsRefusal, signatureErrorTypes, toAwsError } from './errors.ts'

const maxUnknownBodyBytes = 64 * 1024
const bodyTimeoutMs = 120_000

export type AwsJsonWire = (exchange: Exchange) => Promise<void>

export interface AwsJsonParts {
  signatures: SignatureVerifier
  services: (exchange: Exchange) => Services
  bodies: BodyReader
  clock: Clock
  auditor: Auditor
  throttles: Throttles
}

export function createAwsJsonWire(parts: AwsJsonParts): AwsJsonWire {
  const { signatures, bodies, clock, auditor, throttles } = parts

  async function run(exchange: Exchange, call: Call): Promise<unknown> {
    const target = exchange.header('x-amz-target') ?? ''
    const operation = findOperation(target)
    if (operation) call.name = operation.name
    const signature = parseSignature(signedRequest(exchange))
    call.claimedAccessKeyId = signature.accessKeyId
    checkScope(signature, clock.now(), signatures.rules('ecr'))
    const hash = createHash('sha256')
    const limits = { maxBytes: operation?.maxBodyBytes ?? maxUnknownBodyBytes, timeoutMs: bodyTimeoutMs }
    return bodies.read(
      exchange.request,
      limits,
      async (body) => {
        const principal = await signatures.verify(signature, signedRequest(exchange), hash.digest('hex'), 'ecr')
        exchange.record.principal = principal.arn
        call.principal = principal
        if (!operation) throw unknownOperation(target)
        exchange.record.action = `ecr:${operation.name}`
        if (operation.name === 'GetAuthorizationToken') throttles.countAuthorizationToken(principal.accessKeyId)
        call.input = parseBody(body, operation)
        const caller = callerOf(exchange, call, principal, signature)
        return operation.execute(call.input, caller, parts.services(exchange), (repository) => {
          exchange.record.repository = repository
        })
      },
      (chunk) => hash.update(chunk),
    )
  }

  return async (exchange) => {
    const call: Call = { source: 'ecr' }
    try {
      const output = await withInterimAnswers(exchange, () => run(exchange, call))
      send(exchange, 200, output)
      auditor.record(exchange, call, { output })
    } catch (failure) {
      const throttled = isFailedLogin(failure) ? throttles.failedLogin(exchange.clientAddress) : undefined
      const thrown = throttled ?? failure
      const { type: code, message } = fail(exchange, thrown)
      auditor.record(exchange, call, { error: { code, message }, thrown })
    }
  }
}

function findOperation(target: string): Operation | undefined {
  const prefix = `${privateTargetPrefix}.`
  const name = target.startsWith(prefix) ? target.slice(prefix.length) : ''
  return isPrivateOperationName(name) ? operations.get(name) : undefined
}

function unknownOperation(target: string): AwsRefusal {
  const dot = target.lastIndexOf('.')
  const [prefix, name] = [target.slice(0, Math.max(0, dot)), target.slice(dot + 1, dot + 101)]
  const isKnown =
    (prefix === privateTargetPrefix && isPrivateOperationName(name)) ||
    (prefix === publicTargetPrefix && isPublicOperationName(name))
  const reason = isKnown ? 'is not part of this version of Berth' : 'is not an operation of Amazon ECR'
  return new AwsRefusal('UnknownOperationException', `The operation '${name}' ${reason}.`)
}

function parseBody(body: Buffer, operation: Operation): unknown {
  if (body.length === 0) return {}
  const { liftStringsOver } = operation
  return readJson(body, { maxDepth: 64, ...(liftStringsOver === undefined ? {} : { liftStringsOver }) })
}

function callerOf(exchange: Exchange, call: Call, principal: Principal, signature: ParsedSignature): Caller {
  const region = parseRegion(signature.region)
  if (!region) throw new Error('the region of a verified signature is no region')
  call.region = region
  return {
    principal,
    region,
    context(registry) {
      const { repository } = exchange.record
      call.accountId = registry.accountId
      if (repository) call.resources = [repositoryArn(registry, repository)]
      return contextOf(exchange, principal, registry)
    },
  }
}

function fail(exchange: Exchange, thrown: unknown): AwsError {
  const known = toAwsError(thrown) ?? refusalOf(thrown)
  if (!known) exchange.log.error({ err: thrown, requestId: exchange.requestId }, 'a request failed')
  const answer: AwsError = known ?? {
    status: 500,
    type: 'ServerException',
    message: `Something went wrong. The request id is ${exchange.requestId}.`,
  }
  exchange.record.error = answer.type
  const body = { __type: answer.type, message: answer.message, ...answer.extra }
  send(exchange, answer.status, body, answer.headers)
  return answer
}

function refusalOf(thrown: unknown): AwsError | undefined {
  if (thrown instanceof SignatureError)
    return { status: 400, type: signatureErrorTypes[thrown.code], message: thrown.message }
  if (thrown instanceof SerializationError)
    return { status: 400, type: 'SerializationException', message: thrown.message }
  if (thrown instanceof JsonError)
    return { status: 400, type: 'SerializationException', message: jsonReasons[thrown.reason] }
  if (thrown instanceof BodyError) return bodyErrors[thrown.reason]
  return undefined
}

const jsonReasons: Record<JsonError['reason'], string> = {
  syntax: 'The body is not JSON',
  depth: 'The body is nested too deeply',
  'duplicate-key': 'The body has an object with two members of one name',
  encoding: 'The body is not UTF-8',
}

const bodyErrors: Record<BodyError['reason'], AwsError> = {
  'too-large': {
    status: 413,
    type: 'RequestEntityTooLargeException',
    message: 'The body is larger than the operation takes',
  },
  'too-slow': { status: 408, type: 'RequestTimeoutException', message: 'The body arrived too slowly' },
  incomplete: { status: 400, type: 'RequestAbortedException', message: 'The body is shorter than its Content-Length' },
}

function send(exchange: Exchange, status: number, value: unknown, headers: Record<string, string> = {}): void {
  const { response } = exchange
  if (response.destroyed) return
  const bytes = Buffer.from(JSON.stringify(value))
  response.statusCode = status
  response.setHeader('Content-Type', 'application/x-amz-json-1.1')
  response.setHeader('Content-Length', bytes.length)
  response.setHeader('x-amzn-RequestId', exchange.requestId)
  for (const [name, text] of Object.entries(headers)) response.setHeader(name, text)
  response.end(bytes)
}
