// Reads what a client of PostgreSQL sends, as it goes over the wire, and tells which statements it has run. Only what is not encrypted.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

const sslRequest = 80877103

export class FrontendMessages {
  private rest: Buffer = Buffer.alloc(0)
  /** The first message of a connection, and the question for TLS before it, have no type. */
  private isStarted = false
  private readonly prepared = new Map<string, string>()
  private bound = ''

  /** Takes the next bytes, wherever they were cut; gives the text of each statement that they run. */
  receive(data: Buffer): string[] {
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, data]) : data
    const run: string[] = []
    for (;;) {
      const typed = this.isStarted ? 1 : 0
      if (this.rest.length < typed + 4) break
      const end = typed + this.rest.readInt32BE(typed)
      if (this.rest.length < end) break
      const message = this.rest.subarray(0, end)
      this.rest = this.rest.subarray(end)
      if (this.isStarted) this.take(String.fromCharCode(message[0] ?? 0), message.subarray(5), run)
      else if (message.readInt32BE(4) !== sslRequest) this.isStarted = true
    }
    return run
  }

  private take(type: string, body: Buffer, run: string[]): void {
    const [first = '', second = ''] = body.toString('utf8').split('\0', 2)
    if (type === 'Q') run.push(first)
    else if (type === 'P') this.prepared.set(first, second)
    else if (type === 'B') this.bound = this.prepared.get(second) ?? second
    else if (type === 'E') run.push(this.bound)
  }
}
