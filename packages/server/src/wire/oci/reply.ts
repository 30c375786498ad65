// Answers of the docker wire.

import type { Exchange } from '../../http/exchange.ts'

/** Browsers must not make anything of what others pushed. */
export const untrustedContentHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Disposition': 'attachment',
  'Content-Security-Policy': "default-src 'none'; sandbox",
}

const oneWriteBytes = 16 * 1024

export function sendJson(
  exchange: Exchange,
  status: number,
  value: unknown,
  mediaType = 'application/json; charset=utf-8',
): void {
  sendBytes(exchange, status, Buffer.from(JSON.stringify(value)), mediaType)
}

export function sendBytes(exchange: Exchange, status: number, bytes: Uint8Array, mediaType: string): void {
  const { response } = exchange
  response.statusCode = status
  response.setHeader('Content-Type', mediaType)
  response.setHeader('Content-Length', bytes.byteLength)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  if (exchange.method === 'HEAD') response.end()
  else if (bytes.byteLength > oneWriteBytes) response.end(bytes)
  // Latin-1 keeps each byte, and Node sends a text together with the headers in one write.
  else response.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'), 'latin1')
}

export function sendEmpty(exchange: Exchange, status: number, headers: Record<string, string>): void {
  const { response } = exchange
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (status !== 204 && status !== 304) response.setHeader('Content-Length', 0)
  response.end()
}

/** Whether the client has it already (RFC 9110, If-None-Match). Content named by its digest never changes. */
export function isNotModified(exchange: Exchange, digest: string): boolean {
  const given = exchange.header('if-none-match')
  if (given === undefined) return false
  return given.trim() === '*' || given.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${digest}"`)
}
