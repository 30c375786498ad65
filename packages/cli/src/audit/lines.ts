// Lines of files that somebody may be appending to. A line without its end is one that is being written, or was cut by a kill: it is not
// there yet. Files may be large, so they are read in pieces, from either end.

import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

const lineEnd = 0x0a
const pieceBytes = 256 * 1024
/** What is longer is no line of ours; a part of it is shown to nobody, since it is no JSON. */
const maxLineBytes = 1024 * 1024

/** The lines from a place on, some at a time, and the place after them. */
export async function* readLines(path: string, from = 0): AsyncGenerator<{ lines: string[]; end: number }> {
  let rest: Buffer = Buffer.alloc(0)
  let position = from
  for await (const piece of createReadStream(path, {
    start: from,
    highWaterMark: pieceBytes,
  }) as AsyncIterable<Buffer>) {
    const last = piece.lastIndexOf(lineEnd)
    if (last < 0) rest = rest.length + piece.length > maxLineBytes ? Buffer.alloc(0) : Buffer.concat([rest, piece])
    else {
      const lines = Buffer.concat([rest, piece.subarray(0, last)])
        .toString()
        .split('\n')
      rest = Buffer.from(piece.subarray(last + 1))
      yield { lines, end: position + last + 1 }
    }
    position += piece.length
  }
}

/** The place after the last line. */
export async function endOfLines(path: string): Promise<number> {
  const handle = await open(path, 'r')
  try {
    for (let { size: end } = await handle.stat(); end > 0; ) {
      const start = Math.max(0, end - pieceBytes)
      const last = (await readPiece(handle, start, end)).lastIndexOf(lineEnd)
      if (last >= 0) return start + last + 1
      end = start
    }
    return 0
  } finally {
    await handle.close()
  }
}

/** The lines before a place where one ends, the last first. */
export async function* readLinesBackwards(path: string, end: number): AsyncGenerator<string> {
  const handle = await open(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    // Not the end of the last line, which would begin another one.
    for (let position = end - 1; position > 0; ) {
      const start = Math.max(0, position - pieceBytes)
      const piece = Buffer.concat([await readPiece(handle, start, position), rest])
      position = start
      const first = start === 0 ? -1 : piece.indexOf(lineEnd)
      if (first < 0 && start > 0) rest = piece.length > maxLineBytes ? Buffer.alloc(0) : piece
      else {
        yield* piece
          .subarray(first + 1)
          .toString()
          .split('\n')
          .reverse()
        rest = piece.subarray(0, Math.max(0, first))
      }
    }
  } finally {
    await handle.close()
  }
}

async function readPiece(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const piece = Buffer.alloc(end - start)
  const { bytesRead } = await handle.read(piece, 0, piece.length, start)
  return piece.subarray(0, bytesRead)
}
