// Which protocol a request speaks, by its path.

import type { Exchange } from './exchange.ts'
import { sendText } from './health.ts'

export type HandleExchange = (exchange: Exchange) => Promise<void>

export interface ClientWires {
  /** `/v2/`. */
  oci: HandleExchange
  /** `POST /` with a target. */
  ecr: HandleExchange
  /** `POST /` with an action, or a `GET /` that names one. */
  query: HandleExchange
  download: HandleExchange
}

export interface Wires {
  /** What clients of the registry speak. Undefined in a process that serves none (BERTH_ROLES without `web`). */
  clients: ClientWires | undefined
  alive: HandleExchange
  ready: HandleExchange
  /** Undefined where `/metrics` has a listener of its own, or none. */
  metrics: HandleExchange | undefined
}

/** Handles the request; gives the name of its wire, for the metrics. */
export async function dispatch(exchange: Exchange, wires: Wires): Promise<string> {
  const { path } = exchange
  const { clients } = wires
  if (clients && (path.startsWith('/v2/') || path === '/v2')) {
    await clients.oci(exchange)
    return 'oci'
  }
  if (clients && path === '/' && isQuery(exchange)) {
    await clients.query(exchange)
    return 'query'
  }
  if (clients && path === '/' && (exchange.method === 'POST' || exchange.header('x-amz-target') !== undefined)) {
    await clients.ecr(exchange)
    return 'ecr'
  }
  if (clients && path.startsWith('/_berth/blobs/')) {
    await clients.download(exchange)
    return 'download'
  }
  // An absolute target names a host of its own: a proxy, the signature and we could each go by another one.
  if (!path.startsWith('/')) sendText(exchange, 400, 'The request target must be a path.\n')
  else if (path === '/healthz') await wires.alive(exchange)
  else if (path === '/readyz') await wires.ready(exchange)
  // What comes through a proxy comes from elsewhere, even to a loopback listener.
  else if (path === '/metrics' && wires.metrics && exchange.header('x-forwarded-for') === undefined)
    await wires.metrics(exchange)
  else if (path === '/') sendFrontPage(exchange)
  else sendText(exchange, 404, 'There is nothing here.\n')
  return 'other'
}

/** IAM and STS: a form with an action, or a link that names one or is signed. */
function isQuery(exchange: Exchange): boolean {
  if (exchange.header('x-amz-target') !== undefined) return false
  if (exchange.method === 'POST') return exchange.header('content-type')?.startsWith(formType) ?? false
  const isRead = exchange.method === 'GET' || exchange.method === 'HEAD'
  return isRead && (exchange.query.has('Action') || exchange.query.has('X-Amz-Signature'))
}

const formType = 'application/x-www-form-urlencoded'

function sendFrontPage(exchange: Exchange): void {
  if (exchange.method === 'GET' || exchange.method === 'HEAD') {
    sendText(exchange, 200, 'Berth, a container registry with the API of Amazon ECR.\n')
    return
  }
  exchange.response.setHeader('Allow', 'GET, HEAD, POST')
  sendText(exchange, 405, 'This page can only be read. The API of Amazon ECR is POST.\n')
}
