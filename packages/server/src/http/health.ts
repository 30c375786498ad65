// `/healthz` says that the process runs; `/readyz` that it can store: it writes, syncs and reads a row and a file, at most every
// five seconds, or every second while it can not, whoever asks.

import type { Clock } from '../base/clock.ts'
import type { Exchange } from './exchange.ts'

const readyForMs = 5000
/** A refusal is looked at again sooner: nobody is sent here meanwhile. */
const refusedForMs = 1000

export type Health = Record<'alive' | 'ready', (exchange: Exchange) => Promise<void>>

export function createHealth(parts: { clock: Clock; probe: () => Promise<void> }): Health {
  let checkedAt = Number.NEGATIVE_INFINITY
  let validMs = readyForMs
  let check: Promise<string | undefined> = Promise.resolve(undefined)

  function problem(): Promise<string | undefined> {
    if (parts.clock.now() - checkedAt >= validMs) {
      checkedAt = parts.clock.now()
      check = parts.probe().then(
        () => {
          validMs = readyForMs
          return undefined
        },
        (error) => {
          validMs = refusedForMs
          return error instanceof Error ? error.message : String(error)
        },
      )
    }
    return check
  }

  return {
    alive: async (exchange) => sendText(exchange, 200, 'ok\n'),
    async ready(exchange) {
      const reason = await problem()
      if (reason === undefined) sendText(exchange, 200, 'ready\n')
      else sendText(exchange, 503, `not ready: ${reason}\n`)
    },
  }
}

export function sendText(
  exchange: Exchange,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  const { response } = exchange
  response.statusCode = status
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', Buffer.byteLength(text))
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.end(exchange.method === 'HEAD' ? undefined : text)
}
