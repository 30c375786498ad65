// The only writer of errors of the docker wire, and of what they leave in the audit log.

import { BodyError } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import { ClientGone } from '../../http/send-content.ts'
import type { Auditor, Call } from '../auditor.ts'
import type { Throttles } from '../throttles.ts'
import { FailedLogin, OciRefusal, toOciError } from './errors.ts'
import { sendJson } from './reply.ts'

export interface FailParts {
  auditor: Auditor
  throttles: Throttles
}

export function fail(exchange: Exchange, call: Call, failure: unknown, { auditor, throttles }: FailParts): void {
  if (failure instanceof ClientGone) {
    // It had leave to read, and read what it wanted.
    auditor.record(exchange, call, {})
    return
  }
  const throttled = failure instanceof FailedLogin ? throttles.failedLogin(exchange.clientAddress) : undefined
  const thrown = throttled ?? (failure instanceof BodyError ? bodyRefusal(failure) : failure)
  const known = toOciError(thrown)
  const answer = known ?? {
    status: 500,
    code: 'UNKNOWN',
    message: `Something went wrong. The request id is ${exchange.requestId}.`,
  }
  const { response } = exchange
  // What breaks when the client goes is no failure of the request.
  if (known || !response.destroyed) auditor.record(exchange, call, { error: answer, thrown })
  if (response.destroyed) return
  if (!known) exchange.log.error({ err: failure, requestId: exchange.requestId }, 'a request failed')
  exchange.record.error = answer.code
  if (response.headersSent) {
    // Half an answer is out: cut the connection, so that nobody takes it for a whole one.
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  sendJson(exchange, answer.status, { errors: [{ code: answer.code, message: answer.message }] })
}

function bodyRefusal(error: BodyError): OciRefusal {
  if (error.reason === 'too-large') return new OciRefusal(413, 'SIZE_INVALID', 'The manifest is larger than 4 MiB.')
  if (error.reason === 'too-slow') return new OciRefusal(408, 'UNSUPPORTED', 'The body arrived too slowly.')
  return new OciRefusal(400, 'SIZE_INVALID', 'The body is shorter than its Content-Length.')
}
