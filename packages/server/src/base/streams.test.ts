import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BatchOptions, BodyInterrupted, inBatches } from './streams.ts'

/** Batches that are written when the test says so. */
function heldWriter() {
  const waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []
  const batches: string[] = []
  let writing = 0
  return {
    batches,
    get writing() {
      return writing
    },
    async onBatch(chunks: Buffer[]): Promise<void> {
      writing += 1
      assert.equal(writing, 1, 'one write at a time')
      batches.push(Buffer.concat(chunks).toString())
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.push({ resolve, reject })
      await promise.finally(() => {
        writing -= 1
      })
    },
    async end(error?: Error): Promise<void> {
      const first = waiting.shift()
      assert.ok(first, 'a batch is being written')
      if (error) first.reject(error)
      else first.resolve()
      await nextTurn()
    },
  }
}

function start(stream: PassThrough, more: Partial<BatchOptions> = {}) {
  const writer = heldWriter()
  const heard: string[] = []
  const controller = new AbortController()
  const done = inBatches(stream, {
    batchBytes: 4,
    onChunk: (chunk) => heard.push(chunk.toString()),
    onBatch: writer.onBatch,
    signal: controller.signal,
    ...more,
  })
  done.catch(() => {})
  return { writer, heard, controller, done }
}

async function send(stream: PassThrough, ...chunks: string[]): Promise<void> {
  for (const chunk of chunks) {
    stream.write(chunk)
    await nextTurn()
  }
}

const listenersOf = (stream: PassThrough) =>
  ['data', 'end', 'error', 'close'].map((name) => stream.listenerCount(name)).join()

describe('inBatches', () => {
  test('gathers chunks until a batch is full; the last may be small', async () => {
    const stream = new PassThrough()
    const before = listenersOf(stream)
    const { writer, heard, done } = start(stream)
    await send(stream, 'a', 'bc', 'def', 'g')
    assert.deepEqual(writer.batches, ['abcdef'])
    await writer.end()
    stream.end('h')
    await nextTurn()
    assert.deepEqual(writer.batches, ['abcdef', 'gh'])
    await writer.end()
    await done
    assert.deepEqual(heard, ['a', 'bc', 'def', 'g', 'h'])
    assert.equal(listenersOf(stream), before)
  })

  test('an empty body has no batch', async () => {
    const stream = new PassThrough()
    const { writer, done } = start(stream)
    stream.end()
    await done
    assert.deepEqual(writer.batches, [])
  })

  test('a body that has ended before is its end, and one that is destroyed is an interruption', async () => {
    const ended = new PassThrough()
    ended.end()
    ended.resume()
    await nextTurn()
    await start(ended).done
    const destroyed = new PassThrough()
    destroyed.destroy()
    await assert.rejects(start(destroyed).done, BodyInterrupted)
  })

  test('while one batch is written one more may wait; then the stream pauses, and goes on after', async () => {
    const stream = new PassThrough()
    const { writer, heard } = start(stream)
    await send(stream, 'aaaa', 'bb')
    assert.equal(stream.isPaused(), false)
    await send(stream, 'bb')
    assert.equal(stream.isPaused(), true)
    await send(stream, 'cccc')
    assert.deepEqual([writer.batches, heard], [['aaaa'], ['aaaa', 'bb', 'bb']])
    await writer.end()
    assert.deepEqual([writer.batches, heard.at(-1), stream.isPaused()], [['aaaa', 'bbbb'], 'cccc', true])
    await writer.end()
    assert.equal(stream.isPaused(), false)
    await writer.end()
    stream.end()
  })

  test('a body that breaks off is an interruption, after what was heard is written', async () => {
    for (const breakOff of [
      (stream: PassThrough) => stream.destroy(),
      (stream: PassThrough) => stream.destroy(new Error('ECONNRESET')),
    ]) {
      const stream = new PassThrough()
      const { writer, done } = start(stream)
      await send(stream, 'aaaa', 'b')
      breakOff(stream)
      await nextTurn()
      assert.equal(writer.writing, 1)
      await writer.end()
      assert.deepEqual(writer.batches, ['aaaa', 'b'])
      await writer.end()
      await assert.rejects(done, BodyInterrupted)
    }
  })

  test('who aborts gets an interruption, after what was heard is written; nothing is heard after', async () => {
    const stream = new PassThrough()
    const before = listenersOf(stream)
    const { writer, heard, controller, done } = start(stream)
    await send(stream, 'ab')
    controller.abort()
    await send(stream, 'cd')
    await writer.end()
    await assert.rejects(done, { name: 'BodyInterrupted', message: 'the transfer was given up' })
    assert.deepEqual([writer.batches, heard, listenersOf(stream)], [['ab'], ['ab'], before])
    const aborted = new AbortController()
    aborted.abort()
    await assert.rejects(start(new PassThrough(), { signal: aborted.signal }).done, BodyInterrupted)
  })

  test('a chunk that is refused ends it with that error; what came before is written, the chunk is not', async () => {
    const stream = new PassThrough()
    const refusal = new Error('too much')
    const { writer, done } = start(stream, {
      onChunk(chunk) {
        if (chunk.includes('x')) throw refusal
      },
    })
    await send(stream, 'ab', 'x', 'cd')
    assert.deepEqual(writer.batches, ['ab'])
    await writer.end()
    await assert.rejects(done, refusal)
  })

  test('a write that fails ends it with that error at once, and nothing more is written', async () => {
    const stream = new PassThrough()
    const before = listenersOf(stream)
    const { writer, done } = start(stream)
    await send(stream, 'aaaa', 'bbbb')
    await writer.end(new Error('ENOSPC'))
    await assert.rejects(done, /ENOSPC/)
    await send(stream, 'cccc')
    assert.deepEqual([writer.batches, listenersOf(stream)], [['aaaa'], before])
  })
})
