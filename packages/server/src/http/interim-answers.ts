// Keeps a client, and the proxies on the way to him, from giving up while a long answer is made: a blob that is read back, for one. `100
// Continue` is the one interim answer that every client passes over, also those that know no other (Python's http.client). Go's
// clients take five of them at most.

import type { Exchange } from './exchange.ts'

const everyMs = 20_000
const atMost = 4

/** Runs the task; from the end of the body on the client hears each twenty seconds that it goes on. */
export async function withInterimAnswers<T>(exchange: Exchange, task: () => Promise<T>): Promise<T> {
  const { request, response } = exchange
  let sent = 0
  const timer = setInterval(() => {
    if (!request.complete || response.headersSent || request.httpVersion === '1.0') return
    response.writeContinue()
    sent += 1
    if (sent === atMost) clearInterval(timer)
  }, everyMs)
  timer.unref()
  try {
    return await task()
  } finally {
    clearInterval(timer)
  }
}
