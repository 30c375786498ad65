// One keep-alive HTTP/1.1 connection over a raw socket, made to cost as little as it can: the client shares the machine with the server
// that it measures. It understands what registries answer (Content-Length, chunked, nothing) and no more.

import { createConnection, type Socket } from 'node:net'
import { ChunkedBody } from './chunked-body.ts'

export interface Answer {
  status: number
  /** The head of the answer as it came, lower and upper case as sent. */
  head: string
  /** Bytes of the body. */
  bytes: number
  /** The body as text when it was asked for, or when the status is not a success. */
  body: string
}

export interface Exchange {
  /** Request line and headers, up to and including the empty line. */
  head: string | Uint8Array
  body?: readonly Uint8Array[]
  /** A HEAD: the answer has headers only. */
  headOnly?: boolean
  keepBody?: boolean
  /** Sees each piece of the body; the memory is reused afterwards. */
  onData?: (piece: Uint8Array) => void
}

interface Pending extends Exchange {
  resolve(answer: Answer): void
  reject(error: Error): void
}

const receiveBufferSize = 1024 * 1024
const endOfHead = Buffer.from('\r\n\r\n')

export class Connection {
  private readonly socket: Socket
  private pending: Pending | undefined
  private partialHead: Buffer = Buffer.alloc(0)
  private answer: Answer | undefined
  private remaining = 0
  private chunked: ChunkedBody | undefined
  private kept: Buffer[] = []
  private failure: Error | undefined

  private constructor(socket: Socket) {
    this.socket = socket
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({
        host,
        port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(receiveBufferSize),
          callback: (size, buffer) => {
            connection.receive(Buffer.from(buffer.buffer, buffer.byteOffset, size))
            return true
          },
        },
      })
      const connection = new Connection(socket)
      socket.once('connect', () => resolve(connection))
      socket.on('error', (error) => {
        reject(error)
        connection.fail(error)
      })
      socket.on('close', () => connection.fail(new Error('the server closed the connection')))
    })
  }

  close(): void {
    this.socket.destroy()
  }

  /** Sends a request and waits for its answer. One at a time. */
  exchange(exchange: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure)
      this.pending = { ...exchange, resolve, reject }
      if (exchange.body === undefined) this.socket.write(exchange.head)
      else this.send(exchange.head, exchange.body).catch(reject)
    })
  }

  private async send(head: string | Uint8Array, body: readonly Uint8Array[]): Promise<void> {
    this.socket.cork()
    this.socket.write(head)
    let corked = true
    for (const piece of body) {
      const more = this.socket.write(piece)
      if (corked) this.socket.uncork()
      corked = false
      if (!more && this.socket.writableNeedDrain) await this.drained()
    }
    if (corked) this.socket.uncork()
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => this.socket.once('drain', resolve))
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.pending?.reject(error)
    this.pending = undefined
  }

  private receive(data: Buffer): void {
    let rest: Buffer = data
    if (this.answer === undefined) {
      if (this.partialHead.length > 0) rest = Buffer.concat([this.partialHead, rest])
      const end = rest.indexOf(endOfHead)
      if (end < 0) {
        this.partialHead = Buffer.from(rest)
        return
      }
      const head = rest.toString('latin1', 0, end + 2)
      rest = rest.subarray(end + 4)
      if (this.partialHead.length > 0) this.partialHead = Buffer.alloc(0)
      // An interim answer: the server is still at it.
      if (head[9] === '1') {
        if (rest.length > 0) this.receive(rest)
        return
      }
      this.beginAnswer(head)
    }
    if (this.chunked) {
      if (this.chunked.receive(rest, (piece) => this.take(piece))) this.endAnswer()
      return
    }
    if (rest.length > 0) {
      this.remaining -= rest.length
      this.take(rest)
    }
    if (this.remaining === 0) this.endAnswer()
    else if (this.remaining < 0) this.fail(new Error('more bytes than the answer announced'))
  }

  private beginAnswer(head: string): void {
    const status = Number(head.slice(9, 12))
    this.answer = { status, head, bytes: 0, body: '' }
    const bodyless = this.pending?.headOnly || status === 204 || status === 304
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.chunked = undefined
    this.remaining = 0
    if (bodyless) return
    if (length !== undefined) this.remaining = Number(length)
    else if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.chunked = new ChunkedBody()
    else this.fail(new Error(`an answer without a length: ${head}`))
  }

  private take(piece: Buffer): void {
    const { answer, pending } = this
    if (!answer) return
    answer.bytes += piece.length
    pending?.onData?.(piece)
    if (pending?.keepBody || answer.status >= 400) this.kept.push(Buffer.from(piece))
  }

  private endAnswer(): void {
    const { answer, pending } = this
    this.answer = undefined
    this.pending = undefined
    if (!answer) return
    if (this.kept.length > 0) {
      answer.body = Buffer.concat(this.kept).toString()
      this.kept = []
    }
    pending?.resolve(answer)
  }
}

/** Request line and headers as they go over the wire. */
export function requestHead(method: string, path: string, headers: Record<string, string>): string {
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`
  return `${head}\r\n`
}
