import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { StartError } from '../base/errors.ts'
import {
  addKeyEntry,
  createKeyRing,
  dropKeyEntries,
  type KeyRing,
  loadKeyRing,
  parseKeyRing,
  type SealPurpose,
  tooOpen,
} from './key-ring.ts'

const purposes: SealPurpose[] = ['access-key', 'docker-token', 'download-link', 'page-token', 'canary']
const key = () => randomBytes(32)
const secret = Buffer.from('wJalrXUtnFEMI and more')

function ringOf(text: string): KeyRing {
  const parsed = parseKeyRing(text)
  assert.ok('entries' in parsed, 'mistake' in parsed ? parsed.mistake : '')
  return createKeyRing(parsed.entries, 'test')
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-keys-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('sealing', () => {
  const ring = createKeyRing([{ id: 'a', key: key() }], 'test')

  it('opens what it sealed, also when empty, and never seals twice to the same bytes', () => {
    for (const purpose of purposes) {
      assert.deepEqual(ring.open(purpose, ring.seal(purpose, secret, 'row 1'), 'row 1'), secret)
    }
    assert.deepEqual(ring.open('canary', ring.seal('canary', Buffer.alloc(0), ''), ''), Buffer.alloc(0))
    assert.notDeepEqual(ring.seal('canary', secret, ''), ring.seal('canary', secret, ''))
    assert.equal(ring.seal('canary', secret, '').length, 1 + 1 + 12 + secret.length + 16)
  })

  it('does not open a value of which any bit was changed, or any byte is missing', () => {
    const sealed = ring.seal('docker-token', secret, 'x')
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(ring.open('docker-token', changed, 'x'), undefined, `bit ${bit}`)
    }
    for (let length = 0; length < sealed.length; length++) {
      assert.equal(ring.open('docker-token', sealed.subarray(0, length), 'x'), undefined, `length ${length}`)
    }
    assert.equal(ring.open('docker-token', Buffer.concat([sealed, Buffer.from([0])]), 'x'), undefined)
  })

  it('does not open for another purpose', () => {
    for (const sealedFor of purposes) {
      const sealed = ring.seal(sealedFor, secret, 'x')
      for (const openedFor of purposes) {
        assert.equal(
          ring.open(openedFor, sealed, 'x') !== undefined,
          openedFor === sealedFor,
          `${sealedFor} as ${openedFor}`,
        )
      }
    }
  })

  it('does not open in another place, nor when purpose and place are shifted against each other', () => {
    const sealed = ring.seal('page-token', secret, 'account 1')
    assert.equal(ring.open('page-token', sealed, 'account 2'), undefined)
    assert.equal(ring.open('page-token', sealed, ''), undefined)
    assert.equal(ring.open('page-token', sealed, 'account 1\0'), undefined)
  })

  it('does not open with another key, even under the same id', () => {
    const sealed = ring.seal('canary', secret, '')
    assert.equal(createKeyRing([{ id: 'a', key: key() }], 'test').open('canary', sealed, ''), undefined)
    assert.equal(createKeyRing([{ id: 'b', key: key() }], 'test').open('canary', sealed, ''), undefined)
  })

  it('opens a token in less than a tenth of a millisecond', () => {
    const sealed = ring.seal('docker-token', randomBytes(210), 'installation')
    const rounds = 2000
    const start = process.cpuUsage()
    for (let round = 0; round < rounds; round++) ring.open('docker-token', sealed, 'installation')
    // Of this process: what else the machine does is of no account.
    const microseconds = process.cpuUsage(start).user / rounds
    assert.ok(microseconds < 100, `${microseconds.toFixed(1)} µs`)
  })
})

describe('rotation', () => {
  const old = key()
  const before = createKeyRing([{ id: 'default', key: old }], 'test')
  const after = ringOf(`2027:${key().toString('base64')} default:${old.toString('base64')}`)

  it('opens and verifies what the older entry made, and seals with the newest', () => {
    assert.deepEqual(after.open('access-key', before.seal('access-key', secret, 'x'), 'x'), secret)
    assert.ok(after.verifyMac('download-link', 'path', before.mac('download-link', 'path')))
    assert.equal(before.open('access-key', after.seal('access-key', secret, 'x'), 'x'), undefined)
    assert.ok(!before.verifyMac('download-link', 'path', after.mac('download-link', 'path')))
  })

  it('tells two entries apart whose ids share their byte', () => {
    const byKid = new Map<number | undefined, string>()
    let pair: [string, string] | undefined
    for (let n = 0; !pair; n++) {
      const id = `key-${n}`
      const kid = createKeyRing([{ id, key: key() }], 'test').seal('canary', secret, '')[1]
      const other = byKid.get(kid)
      if (other) pair = [other, id]
      byKid.set(kid, id)
    }
    const [first, second] = pair.map((id) => ({ id, key: key() }))
    assert.ok(first && second)
    const both = createKeyRing([first, second], 'test')
    const older = createKeyRing([second], 'test')
    assert.deepEqual(both.open('canary', older.seal('canary', secret, ''), ''), secret)
    assert.ok(both.verifyMac('page-token', 'x', older.mac('page-token', 'x')))
  })
})

describe('mac', () => {
  const ring = createKeyRing([{ id: 'a', key: key() }], 'test')

  it('verifies the same data for the same purpose only', () => {
    const mac = ring.mac('download-link', '/blob?expires=1')
    assert.ok(ring.verifyMac('download-link', '/blob?expires=1', mac))
    assert.ok(ring.verifyMac('download-link', Buffer.from('/blob?expires=1'), mac))
    assert.ok(!ring.verifyMac('download-link', '/blob?expires=2', mac))
    assert.ok(!ring.verifyMac('page-token', '/blob?expires=1', mac))
    assert.ok(!ring.verifyMac('download-link', '/blob?expires=1', mac.subarray(1)))
    assert.ok(!ring.verifyMac('download-link', '/blob?expires=1', Buffer.alloc(33)))
    assert.ok(!ring.verifyMac('download-link', '/blob?expires=1', Buffer.alloc(0)))
  })
})

describe('which entry sealed a value', () => {
  it('is told by what opens it, also where two ids share their byte', () => {
    // Found by search: both have the byte 0x7c.
    const [one, other] = ['key-2', 'key-18']
    const older = createKeyRing([{ id: one, key: key() }], 'test')
    const entries = [
      { id: other, key: key() },
      { id: one, key: key() },
    ]
    const ring = createKeyRing(entries, 'test')
    const byOther = ring.seal('canary', secret, '')
    const byOne = createKeyRing(entries.slice(1), 'test').seal('canary', secret, '')
    assert.equal(byOther[1], byOne[1])
    assert.deepEqual([ring.sealedBy('canary', byOther, ''), ring.sealedBy('canary', byOne, '')], [other, one])
    assert.deepEqual([ring.open('canary', byOther, ''), ring.open('canary', byOne, '')], [secret, secret])
    assert.equal(ring.sealedBy('access-key', byOne, ''), undefined)
    assert.equal(ring.sealedBy('canary', byOne, 'elsewhere'), undefined)
    assert.equal(ring.sealedBy('canary', older.seal('canary', secret, ''), ''), undefined)
  })
})

describe('the ring of a data directory', () => {
  it('takes new entries before the old ones, each with a byte of its own, and lets old ones go', async (t) => {
    const dataDir = await folder(t)
    const first = await loadKeyRing({ dataDir }, { mayCreate: true })
    const sealed = first.seal('canary', secret, '')
    let ring = first
    for (let count = 2; count <= 60; count++) ring = await addKeyEntry({ dataDir })
    assert.deepEqual((await loadKeyRing({ dataDir }, { mayCreate: false })).ids, ring.ids)
    assert.deepEqual([ring.ids.length, new Set(ring.ids).size, ring.ids.at(-1)], [60, 60, 'key-1'])
    assert.equal(ring.sealedBy('canary', sealed, ''), 'key-1')
    const bytes = ring.ids.map((id) => createKeyRing([{ id, key: key() }], 'test').seal('canary', secret, '')[1])
    assert.equal(new Set(bytes).size, 60)

    // The newest stays, whatever is asked: something must seal.
    const left = await dropKeyEntries({ dataDir }, ring.ids.slice(0, 59))
    assert.deepEqual(left.ids, [ring.ids[0], 'key-1'])
    assert.deepEqual((await loadKeyRing({ dataDir }, { mayCreate: false })).open('canary', sealed, ''), secret)
    assert.equal((await stat(join(dataDir, 'master-key'))).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(dataDir), ['master-key'])
    assert.deepEqual((await dropKeyEntries({ dataDir }, ['key-1'])).ids, [ring.ids[0]])
    const number = (id = '') => Number(id.slice('key-'.length))
    const [newest] = (await addKeyEntry({ dataDir })).ids
    assert.ok(number(newest) > number(ring.ids[0]), `${newest}: an id of one that is gone never comes back`)
  })

  it('keeps a key that had no id, as `default`', async (t) => {
    const dataDir = await folder(t)
    await writeFile(join(dataDir, 'master-key'), key().toString('base64'), { mode: 0o600 })
    const sealed = (await loadKeyRing({ dataDir }, { mayCreate: false })).seal('canary', secret, '')
    const ring = await addKeyEntry({ dataDir })
    assert.deepEqual([ring.ids, ring.sealedBy('canary', sealed, '')], [['key-2', 'default'], 'default'])
  })
})

describe('the text of a ring', () => {
  const a = key().toString('base64')
  const b = key().toString('base64')

  it('is one key, or several with ids, in base64 of either alphabet', () => {
    assert.deepEqual(ringOf(a).ids, ['default'])
    assert.deepEqual(ringOf(` ${a}\n`).ids, ['default'])
    assert.deepEqual(ringOf(`x:${a}`).ids, ['x'])
    assert.deepEqual(ringOf(`x:${a},y:${b}`).ids, ['x', 'y'])
    assert.deepEqual(ringOf(`# newest first\nx:${a}\n\n  # old\ny:${b}\n`).ids, ['x', 'y'])
    assert.deepEqual(ringOf(`x:${key().toString('base64url')}`).ids, ['x'])
  })

  for (const [name, text, mistake] of [
    ['is empty', ' \n# nothing\n', /holds no key/],
    ['holds a short key', randomBytes(31).toString('base64'), /not 32 bytes in base64/],
    ['holds a long key', randomBytes(33).toString('base64'), /not 32 bytes in base64/],
    ['is hexadecimal', randomBytes(32).toString('hex'), /not 32 bytes in base64/],
    ['is a password', 'correct-horse-battery-staple', /not 32 bytes in base64/],
    ['has several keys without ids', `${a} ${b}`, /key 1 of 2 has no id/],
    ['has an id twice', `x:${a} x:${b}`, /the id "x" is there twice/],
    ['has an empty id', `:${a}`, /the id of the key/],
  ] as const) {
    it(`is refused when it ${name}, without repeating it`, () => {
      const parsed = parseKeyRing(text)
      assert.ok('mistake' in parsed)
      assert.match(parsed.mistake, mistake)
      assert.ok(!parsed.mistake.includes(a) && !parsed.mistake.includes('staple'))
    })
  }
})

describe('where the ring comes from', () => {
  it('is made at the first start, for its owner only, and is the same at the next', async (t) => {
    const dataDir = await folder(t)
    const first = await loadKeyRing({ dataDir }, { mayCreate: true })
    const path = join(dataDir, 'master-key')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(dataDir), ['master-key'])
    const second = await loadKeyRing({ dataDir }, { mayCreate: false })
    assert.deepEqual(second.open('canary', first.seal('canary', secret, ''), ''), secret)
    assert.equal(second.origin, path)
  })

  it('is not made again for a store that has one', async (t) => {
    const dataDir = await folder(t)
    await assert.rejects(loadKeyRing({ dataDir }, { mayCreate: false }), (error) => {
      assert.ok(error instanceof StartError)
      assert.match(error.message, /its master key .*master-key is gone/)
      return true
    })
    assert.deepEqual(await readdir(dataDir), [])
  })

  it('may be the text, which wins over the file in the data directory', async (t) => {
    const dataDir = await folder(t)
    await loadKeyRing({ dataDir }, { mayCreate: true })
    const ring = await loadKeyRing({ dataDir, masterKey: `mine:${key().toString('base64')}` }, { mayCreate: false })
    assert.deepEqual([ring.ids, ring.origin], [['mine'], 'BERTH_MASTER_KEY'])
  })

  it('may be a file of the operator, which is never made', async (t) => {
    const dataDir = await folder(t)
    const masterKeyFile = join(dataDir, 'ring')
    await assert.rejects(
      loadKeyRing({ dataDir, masterKeyFile }, { mayCreate: true }),
      /master key file .*ring is not there/,
    )
    await writeFile(masterKeyFile, `mine:${key().toString('base64')}\n`, { mode: 0o600 })
    assert.deepEqual((await loadKeyRing({ dataDir, masterKeyFile }, { mayCreate: false })).ids, ['mine'])
    assert.deepEqual(await readdir(dataDir), ['ring'])
  })

  it('is refused when others can read the file', { skip: process.platform === 'win32' }, async (t) => {
    const dataDir = await folder(t)
    await loadKeyRing({ dataDir }, { mayCreate: true })
    await chmod(join(dataDir, 'master-key'), 0o644)
    await assert.rejects(loadKeyRing({ dataDir }, { mayCreate: true }), (error) => {
      assert.ok(error instanceof StartError)
      assert.match(error.message, /may be read or written by others than its owner \(mode 644\)/)
      assert.match(error.hint, /chmod 600/)
      return true
    })
  })

  it('lets the group read what root owns, as secrets are mounted, and nobody else', {
    skip: process.platform === 'win32',
  }, () => {
    const cases: [number, number, boolean][] = [
      [1000, 0o600, true],
      [1000, 0o400, true],
      [1000, 0o640, false],
      [1000, 0o604, false],
      [0, 0o440, true],
      [0, 0o640, true],
      [0, 0o660, false],
      [0, 0o644, false],
    ]
    for (const [uid, mode, isFine] of cases) {
      assert.equal(tooOpen({ uid, mode: 0o100000 | mode }) === undefined, isFine, `${uid} ${mode.toString(8)}`)
    }
  })

  it('says what is wrong with a file that is no ring or no file', async (t) => {
    const dataDir = await folder(t)
    await writeFile(join(dataDir, 'master-key'), '', { mode: 0o600 })
    await assert.rejects(loadKeyRing({ dataDir }, { mayCreate: true }), /master-key: holds no key/)
    const masterKeyFile = join(dataDir, 'folder')
    await mkdir(masterKeyFile, { mode: 0o700 })
    await assert.rejects(loadKeyRing({ dataDir, masterKeyFile }, { mayCreate: true }), /cannot be read \(EISDIR\)/)
    await assert.rejects(
      loadKeyRing({ dataDir: join(dataDir, 'absent') }, { mayCreate: true }),
      /cannot be written .*\(ENOENT\)/,
    )
    assert.equal(await readFile(join(dataDir, 'master-key'), 'utf8'), '')
  })
})
