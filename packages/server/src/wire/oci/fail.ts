// The only writer of errors of the docker wire.

import { BodyError } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import { ClientGone } from '../../http/send-content.ts'
import { OciRefusal, toOciError } from './errors.ts'
import { sendJson } from './reply.ts'

export function fail(exchange: Exchange, thrown: unknown): void {
  const { response } = exchange
  if (thrown instanceof ClientGone || response.destroyed) return
  const body = thrown instanceof BodyError ? bodyRefusal(thrown) : thrown
  const known = toOciError(body)
  if (!known) exchange.log.error({ err: thrown, requestId: exchange.requestId }, 'a request failed')
  const answer = known ?? {
    status: 500,
    code: 'UNKNOWN',
    message: `Something went wrong. The request id is ${exchange.requestId}.`,
  }
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
