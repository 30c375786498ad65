// One request and its answer, with what every layer needs to know of it. What costs something is made when it is first asked for:
// most requests are small reads.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../base/log.ts'

/** What the access log says of a request; the layers fill it in as they learn it. */
export interface AccessRecord {
  principal?: string
  action?: string
  repository?: string
  error?: string
}

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  readonly startedAt: number
  /** The caller's address; behind a trusted proxy the one that the proxy names. */
  readonly clientAddress: string
  /** Whether the client came by TLS, to us or to a trusted proxy. */
  readonly isSecure: boolean
  readonly record: AccessRecord = {}
  readonly #log: Log
  #signal: AbortSignal | undefined

  constructor(init: {
    request: IncomingMessage
    response: ServerResponse
    requestId: string
    startedAt: number
    clientAddress: string
    isSecure: boolean
    log: Log
  }) {
    this.request = init.request
    this.response = init.response
    this.requestId = init.requestId
    this.startedAt = init.startedAt
    this.clientAddress = init.clientAddress
    this.isSecure = init.isSecure
    this.#log = init.log
  }

  get method(): string {
    return this.request.method ?? 'GET'
  }

  /** The path of the request target, as it came: not decoded, not normalised. */
  get path(): string {
    const target = this.request.url ?? '/'
    const question = target.indexOf('?')
    return question < 0 ? target : target.slice(0, question)
  }

  get query(): URLSearchParams {
    const target = this.request.url ?? '/'
    const question = target.indexOf('?')
    return new URLSearchParams(question < 0 ? '' : target.slice(question + 1))
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** Aborted when the client has gone before the answer was complete. */
  get signal(): AbortSignal {
    if (!this.#signal) {
      const controller = new AbortController()
      this.#signal = controller.signal
      const { response } = this
      if (response.destroyed && !response.writableFinished) controller.abort()
      else response.once('close', () => response.writableFinished || controller.abort())
    }
    return this.#signal
  }

  get log(): Log {
    return this.#log
  }
}
