import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { type Logger, pino } from 'pino'
import { manualClock } from '../../test/support/manual-clock.ts'
import { until } from '../../test/support/until.ts'
import type { AuditEvent } from './audit-event.ts'
import { type AuditLogOptions, createAuditLog } from './audit-log.ts'

const dayMs = 86_400_000
const noon = Date.UTC(2026, 10, 2, 12)

async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-audit-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A log of the program, and its lines. */
function keptLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  return { log: pino({ base: null }, { write: (text: string) => lines.push(JSON.parse(text)) }), lines }
}

async function open(t: TestContext, options: Partial<AuditLogOptions> = {}) {
  const dataDir = options.dataDir ?? (await temporaryFolder(t))
  const clock = manualClock(noon)
  const { log, lines } = keptLog()
  const audit = createAuditLog({ target: 'file', dataDir, retentionMs: 90 * dayMs, clock, log, ...options })
  t.after(() => audit.close())
  return { audit, dataDir, folder: join(dataDir, 'audit'), clock, lines }
}

function event(requestId: string, change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at: noon,
    source: 'ecr',
    name: 'PutImage',
    region: 'us-east-1',
    sourceAddress: '203.0.113.7',
    requestId,
    isReadOnly: false,
    recipients: ['123456789012'],
    category: 'Management',
    ...change,
  }
}

async function idsIn(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line).requestID)
}

describe('the audit log in files', () => {
  it('has a file for each day, closed to others', async (t) => {
    const { audit, folder } = await open(t)
    audit.record(event('1', { at: Date.UTC(2026, 10, 2, 23, 59, 59, 999) }))
    audit.record(event('2', { at: Date.UTC(2026, 10, 3) }))
    await audit.flush()
    assert.deepEqual(await readdir(folder), ['2026-11-02.jsonl', '2026-11-03.jsonl'])
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.jsonl')), ['1'])
    assert.deepEqual(await idsIn(join(folder, '2026-11-03.jsonl')), ['2'])
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    assert.equal((await stat(join(folder, '2026-11-02.jsonl'))).mode & 0o777, 0o600)
    assert.equal(audit.droppedEvents, 0)
  })

  it('writes by itself', async (t) => {
    const { audit, folder } = await open(t)
    audit.record(event('1'))
    await until('the event is written', async () =>
      (await readFile(join(folder, '2026-11-02.jsonl'), 'utf8').catch(() => '')).endsWith('}\n'),
    )
  })

  it('writes what waits when it is closed, and loses what comes after, which it counts', async (t) => {
    const { audit, folder } = await open(t)
    audit.record(event('1'))
    await audit.close()
    audit.record(event('2'))
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.jsonl')), ['1'])
    assert.equal(audit.droppedEvents, 1)
  })

  it('goes on in another file when one is full, also after a start', async (t) => {
    const { audit, dataDir, folder } = await open(t, { maxFileBytes: 1000 })
    for (const id of ['1', '2', '3', '4', '5']) {
      audit.record(event(id, { userAgent: 'x'.repeat(300) }))
      await audit.flush()
    }
    await audit.close()
    const { audit: next } = await open(t, { dataDir, maxFileBytes: 1000 })
    next.record(event('6'))
    await next.flush()
    assert.deepEqual(await readdir(folder), ['2026-11-02.1.jsonl', '2026-11-02.2.jsonl', '2026-11-02.jsonl'])
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.jsonl')), ['1', '2'])
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.1.jsonl')), ['3', '4'])
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.2.jsonl')), ['5', '6'])
  })

  it('makes a new file when somebody has moved or removed the one it writes', async (t) => {
    const { audit, folder } = await open(t)
    const path = join(folder, '2026-11-02.jsonl')
    audit.record(event('1'))
    await audit.flush()
    await rename(path, join(folder, 'shipped.jsonl'))
    audit.record(event('2'))
    await audit.flush()
    assert.deepEqual(await idsIn(path), ['2'])
    await rm(folder, { recursive: true })
    audit.record(event('3'))
    await audit.flush()
    assert.deepEqual(await idsIn(path), ['3'])
  })

  it('begins a new line after one that a killed process has left', async (t) => {
    const { audit, folder } = await open(t)
    const path = join(folder, '2026-11-02.jsonl')
    await mkdir(folder)
    await writeFile(path, '{"requestID":"1"}\n{"requestID":"cut')
    audit.record(event('2'))
    await audit.flush()
    const [first, cut, second, end] = (await readFile(path, 'utf8')).split('\n')
    assert.deepEqual([first, cut, end], ['{"requestID":"1"}', '{"requestID":"cut', ''])
    assert.equal(JSON.parse(second ?? '').requestID, '2')
  })

  it('is written by several processes at once, line by line', { timeout: 120_000 }, async (t) => {
    const dataDir = await temporaryFolder(t)
    const program = (name: string) => `
      import { createAuditLog } from '${new URL('audit-log.ts', import.meta.url)}'
      import { silentLog } from '${new URL('../base/log.ts', import.meta.url)}'
      const clock = { now: () => ${noon} }
      const audit = createAuditLog({ target: 'file', dataDir: ${JSON.stringify(dataDir)}, retentionMs: 1, clock, log: silentLog, maxFileBytes: 200_000 })
      for (let i = 0; i < 1000; i += 1) {
        audit.record({ ...${JSON.stringify(event(''))}, requestId: '${name}-' + i, userAgent: 'x'.repeat(i % 1000) })
        if (i % 10 === 0) await audit.flush()
      }
      await audit.close()
      if (audit.droppedEvents > 0) process.exit(1)`
    const names = ['a', 'b', 'c']
    const codes = await Promise.all(
      names.map(async (name) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program(name)], { stdio: 'inherit' })
        return (await once(child, 'close'))[0]
      }),
    )
    assert.deepEqual(codes, [0, 0, 0])
    const folder = join(dataDir, 'audit')
    const files = await readdir(folder)
    const found = (await Promise.all(files.map((file) => idsIn(join(folder, file))))).flat()
    const expected = names.flatMap((name) => Array.from({ length: 1000 }, (_, i) => `${name}-${i}`))
    assert.deepEqual(found.toSorted(), expected.toSorted())
    for (const file of files) assert.ok((await stat(join(folder, file))).size < 250_000, file)
    assert.ok(files.length > 5, files.join())
  })

  it('keeps files for as long as it should: looks at the start, then every hour', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const dataDir = await temporaryFolder(t)
    const folder = join(dataDir, 'audit')
    await mkdir(folder)
    const names = [
      '2026-10-30.jsonl',
      '2026-10-31.jsonl',
      '2026-10-31.1.jsonl',
      '2026-11-01.jsonl',
      '2026-11-01.12.jsonl',
    ]
    const others = ['notes.txt', '2026-10-01.jsonl.gz', 'x2026-10-01.jsonl']
    for (const name of [...names, ...others]) await writeFile(join(folder, name), '')
    const left = async () => (await readdir(folder)).filter((name) => !others.includes(name)).toSorted()
    const { clock } = await open(t, { dataDir, retentionMs: dayMs })
    // Noon of 2 November: the last event of 31 October is older than a day, that of 1 November is not.
    await until('two days are removed', async () => (await left()).length === 2)
    assert.deepEqual(await left(), ['2026-11-01.12.jsonl', '2026-11-01.jsonl'])
    t.mock.timers.tick(3_600_000)
    clock.advance(11 * 3_600_000)
    t.mock.timers.tick(3_600_000 - 1)
    assert.equal((await left()).length, 2)
    clock.advance(3_600_000)
    t.mock.timers.tick(1)
    await until('another day is removed', async () => (await left()).length === 0)
    assert.equal((await readdir(folder)).length, others.length)
  })
})

describe('a place that cannot be written', () => {
  it('fails nobody, is told once a minute, and is written again when it can be', async (t) => {
    const { audit, folder, clock, lines } = await open(t)
    await writeFile(folder, 'not a folder')
    for (const id of ['1', '2', '3']) {
      audit.record(event(id))
      await audit.flush()
    }
    const shown = ({ level, msg, to, lost, waiting }: Record<string, unknown>) => ({ level, msg, to, lost, waiting })
    const failed = { level: 50, msg: 'audit events cannot be written', to: folder, lost: 0 }
    assert.deepEqual(lines.map(shown), [{ ...failed, waiting: 1 }])
    assert.match(JSON.stringify(lines[0]?.err), /ENOTDIR|EEXIST/)
    clock.advance(59_999)
    await audit.flush()
    assert.equal(lines.length, 1)
    clock.advance(1)
    await audit.flush()
    assert.deepEqual(shown(lines[1] ?? {}), { ...failed, waiting: 3 })

    await unlink(folder)
    await audit.flush()
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.jsonl')), ['1', '2', '3'])
    assert.equal(lines[2]?.msg, 'audit events are written again')
    assert.equal(audit.droppedEvents, 0)
  })

  it('costs 8 MiB of memory at most: what has no room is counted', async (t) => {
    const { audit, folder, clock, lines } = await open(t)
    await writeFile(folder, 'not a folder')
    audit.record(event('first'))
    await audit.flush()
    // Some 4.6 KB each.
    for (let i = 0; i < 2500; i += 1)
      audit.record(event(String(i), { error: { code: 'x', message: 'm'.repeat(5000) } }))
    const lost = audit.droppedEvents
    assert.ok(lost > 500 && lost < 1000, String(lost))
    clock.advance(60_000)
    await audit.flush()
    assert.equal(lines[1]?.lost, lost)
    await unlink(folder)
    await audit.flush()
    const written = await idsIn(join(folder, '2026-11-02.jsonl'))
    assert.equal(written.length, 2501 - lost)
    assert.deepEqual(written.slice(0, 2), ['first', '0'])
  })

  it('is left at the end with the number of what is lost', async (t) => {
    const { audit, folder, lines } = await open(t)
    await writeFile(folder, 'not a folder')
    audit.record(event('1'))
    audit.record(event('2'))
    await audit.close()
    assert.equal(audit.droppedEvents, 2)
    assert.deepEqual([lines.at(-1)?.msg, lines.at(-1)?.lost], ['audit events were lost', 2])
  })

  it('may be a full disk', async (t) => {
    const { audit, folder, lines } = await open(t)
    await mkdir(folder)
    await symlink('/dev/full', join(folder, '2026-11-02.jsonl'))
    audit.record(event('1'))
    await audit.flush()
    assert.match(JSON.stringify(lines[0]?.err), /ENOSPC/)
    await unlink(join(folder, '2026-11-02.jsonl'))
    await audit.flush()
    assert.deepEqual(await idsIn(join(folder, '2026-11-02.jsonl')), ['1'])
  })

  it('may be a disk that takes a part of a line: it is written again as a whole', async (t) => {
    const dataDir = await temporaryFolder(t)
    const program = `
      import { createAuditLog } from '${new URL('audit-log.ts', import.meta.url)}'
      import { silentLog } from '${new URL('../base/log.ts', import.meta.url)}'
      const clock = { now: () => ${noon} }
      const audit = createAuditLog({ target: 'file', dataDir: ${JSON.stringify(dataDir)}, retentionMs: 1, clock, log: silentLog, maxFileBytes: 8192 })
      for (let i = 0; i < 30; i += 1) audit.record({ ...${JSON.stringify(event(''))}, requestId: String(i) })
      await audit.close()
      process.exit(audit.droppedEvents)`
    // The system writes no file beyond 8192 bytes: the write that crosses them is cut, as on a full disk.
    const script = `trap '' XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"`
    const child = spawn('/bin/sh', ['-c', script, process.execPath, program], {
      stdio: 'inherit',
      env: { PATH: process.env.PATH },
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    const folder = join(dataDir, 'audit')
    const full = await readFile(join(folder, '2026-11-02.jsonl'), 'utf8')
    assert.equal(full.length, 8192)
    assert.ok(!full.endsWith('\n'))
    const whole = full.slice(0, full.lastIndexOf('\n')).split('\n')
    const ids = [
      ...whole.map((line) => JSON.parse(line).requestID),
      ...(await idsIn(join(folder, '2026-11-02.1.jsonl'))),
    ]
    assert.deepEqual(
      ids,
      Array.from({ length: 30 }, (_, i) => String(i)),
    )
  })

  it('does not keep old files from being looked for again', async (t) => {
    const dataDir = await temporaryFolder(t)
    await writeFile(join(dataDir, 'audit'), 'not a folder')
    const { audit, lines } = await open(t, { dataDir })
    await audit.close()
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['old files of the audit log cannot be removed'],
    )
  })
})

describe('the audit log elsewhere', () => {
  it('is on standard output, line by line whatever several processes write', { timeout: 120_000 }, async () => {
    const program = `
      import { createAuditLog } from '${new URL('audit-log.ts', import.meta.url)}'
      import { silentLog } from '${new URL('../base/log.ts', import.meta.url)}'
      const audit = createAuditLog({ target: 'stdout', dataDir: '/nowhere', retentionMs: 1, clock: { now: () => 0 }, log: silentLog })
      for (let i = 0; i < 500; i += 1)
        audit.record({ ...${JSON.stringify(event(''))}, requestId: process.argv[1] + i, requestParameters: 'ü'.repeat(i * 10) })
      await audit.close()
      process.exitCode = audit.droppedEvents`
    // Both have one pipe, whose reader is slow.
    const script = `("$0" --input-type=module -e "$1" a & "$0" --input-type=module -e "$1" b; wait) | (sleep 0.5; cat)`
    const child = spawn('/bin/sh', ['-c', script, process.execPath, program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await once(child, 'close')
    const lines = text.split('\n').filter((line) => line !== '')
    assert.ok(lines.every((line) => line.length < 4096))
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).requestID).toSorted(),
      ['a', 'b'].flatMap((name) => Array.from({ length: 500 }, (_, i) => `${name}${i}`)).toSorted(),
    )
  })

  it('is nowhere', async (t) => {
    const { audit, dataDir } = await open(t, { target: 'off' })
    audit.record(event('1'))
    await audit.close()
    assert.deepEqual(await readdir(dataDir), [])
    assert.equal(audit.droppedEvents, 0)
  })
})
