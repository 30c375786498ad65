// Sends small requests, one after the other on each connection, as fast as the answers come; and walks paged lists.

import { timeOperations } from './clock.ts'
import { type Exchange, requestHead } from './connection.ts'
import type { Outcome, RequestsJob, RequestTemplate, WalkJob } from './jobs.ts'

export function sendRequests(job: RequestsJob): Promise<Outcome> {
  const prepared = job.requests.map((request) => prepare(job, request))
  const first = job.firstNumber ?? 0
  return timeOperations(job.target, job.clients, job.amount, async (connection, n) => {
    const exchangeFor = prepared[n % prepared.length] as (n: number) => Exchange
    const request = job.requests[n % prepared.length] as RequestTemplate
    const answer = await connection.exchange(exchangeFor(first + n))
    if (answer.status !== request.status)
      throw new Error(
        `${request.method} ${request.path}: ${answer.status} instead of ${request.status}: ${answer.body}`,
      )
    return answer.bytes
  })
}

/** The bytes of a request are made once, unless its path counts. */
function prepare(job: RequestsJob, request: RequestTemplate): (n: number) => Exchange {
  const body = request.body === undefined ? undefined : Buffer.from(request.body)
  const headers = {
    Host: `${job.target.host}:${job.target.port}`,
    ...job.target.headers,
    ...request.headers,
    ...(body && { 'Content-Length': String(body.length) }),
  }
  const [before, after] = requestHead(request.method, request.path, headers).split('{n}')
  const rest = { headOnly: request.method === 'HEAD', ...(body && { body: [body] }) }
  if (after === undefined) {
    const exchange = { head: Buffer.from(before ?? ''), ...rest }
    return () => exchange
  }
  return (n) => ({ head: `${before}${n}${after}`, ...rest })
}

export function walkLists(job: WalkJob): Promise<Outcome> {
  const headers = { Host: `${job.target.host}:${job.target.port}`, ...job.target.headers }
  return timeOperations(job.target, job.clients, job.amount, async (connection) => {
    let bytes = 0
    for (let path: string | undefined = job.path; path !== undefined; ) {
      const answer = await connection.exchange({ head: requestHead('GET', path, headers) })
      if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status}: ${answer.body}`)
      bytes += answer.bytes
      path = /\r\nlink: *<(?:https?:\/\/[^/]+)?([^>]+)>; *rel="?next/i.exec(answer.head)?.[1]
    }
    return bytes
  })
}
