// Decodes a body in `Transfer-Encoding: chunked` that arrives in pieces of any size.

export class ChunkedBody {
  private state: 'size' | 'data' | 'after data' | 'trailer' = 'size'
  private line = ''
  private remaining = 0

  /** Hands each piece of content on; true when the body has ended. */
  receive(data: Buffer, take: (piece: Buffer) => void): boolean {
    let at = 0
    while (at < data.length) {
      if (this.state === 'data') {
        const piece = data.subarray(at, at + this.remaining)
        take(piece)
        at += piece.length
        this.remaining -= piece.length
        if (this.remaining === 0) this.state = 'after data'
        continue
      }
      const newline = data.indexOf(10, at)
      this.line += data.toString('latin1', at, newline < 0 ? data.length : newline)
      if (newline < 0) return false
      at = newline + 1
      const line = this.line.trimEnd()
      this.line = ''
      if (this.state === 'after data') {
        this.state = 'size'
      } else if (this.state === 'size') {
        this.remaining = Number.parseInt(line, 16)
        this.state = this.remaining === 0 ? 'trailer' : 'data'
      } else if (line === '') {
        return true
      }
    }
    return false
  }
}
