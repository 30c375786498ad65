// The master key ring: what seals secrets in the store and the tokens that clients carry.
//
// An entry is an id and 32 bytes; the newest comes first and seals, all of them open. Nothing is sealed with an entry itself: each purpose
// has a key of its own, derived by HKDF-SHA-256, and the purpose is in the additional data as well, so that what was sealed for one
// purpose can never be shown for another. A sealed value says by one byte (`kid`, from the entry's id) which entry opens it:
//
//   0x01 | kid (1) | iv (12) | AES-256-GCM ciphertext | tag (16)          additional data: 0x01 | kid | "berth\0" purpose "\0" aad
//
// The text of a ring, in `BERTH_MASTER_KEY` or a file: 32 bytes in base64, or several `id:base64`, newest first, apart by spaces, commas
// or lines; in a file `#` begins a comment. A key without an id has the id `default`, so that it stays the same entry when a newer one is
// put before it: `2027:<new> default:<old>`.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import type { Stats } from 'node:fs'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartError, systemErrorCode } from '../base/errors.ts'

export type SealPurpose =
  | 'access-key'
  | 'docker-token'
  | 'session-token'
  | 'download-link'
  | 'page-token'
  | 'authorization-message'
  | 'canary'

export interface KeyRing {
  /** The ids of the entries, newest first. */
  readonly ids: readonly string[]
  /** Where the ring came from, for messages to the operator: `BERTH_MASTER_KEY` or the path of a file. */
  readonly origin: string
  /** `aad` names what the value belongs to (a row, an installation); the same text is needed to open it. */
  seal(purpose: SealPurpose, plaintext: Uint8Array, aad: string): Buffer
  /** The plaintext; undefined when it is damaged, of another purpose or `aad`, or sealed by a key that is not in the ring. */
  open(purpose: SealPurpose, sealed: Uint8Array, aad: string): Buffer | undefined
  /** The id of the entry that opens it; undefined where `open` gives nothing. */
  sealedBy(purpose: SealPurpose, sealed: Uint8Array, aad: string): string | undefined
  /** `kid (1) | HMAC-SHA-256 (32)` by the newest entry. */
  mac(purpose: SealPurpose, data: string | Uint8Array): Buffer
  /** Whether `mac` is that of the data by any entry of the ring; compared in constant time. */
  verifyMac(purpose: SealPurpose, data: string | Uint8Array, mac: Uint8Array): boolean
}

export interface RingEntry {
  id: string
  key: Buffer
}

/** Where a ring may come from: the relevant part of the configuration. */
export interface KeyRingSource {
  masterKey?: string
  masterKeyFile?: string
  dataDir: string
}

const version = 0x01
const headerBytes = 14
const tagBytes = 16
const keyBytes = 32

/** The ring of a text, which is parsed already. */
export function createKeyRing(entries: readonly RingEntry[], origin: string): KeyRing {
  const ring = entries.map((entry) => new DerivedKeys(entry))
  const newest = ring[0]
  if (!newest) throw new Error('a key ring needs at least one entry')
  const context = (header: Uint8Array, purpose: SealPurpose, aad: string) => {
    const text = `berth\0${purpose}\0${aad}`
    const bytes = Buffer.allocUnsafe(2 + Buffer.byteLength(text))
    bytes[0] = header[0] ?? 0
    bytes[1] = header[1] ?? 0
    bytes.write(text, 2)
    return bytes
  }
  const tryAll = (purpose: SealPurpose, sealed: Uint8Array, aad: string) => {
    if (sealed.length < headerBytes + tagBytes || sealed[0] !== version) return undefined
    // Two ids may share a byte; then the tag tells which of their keys it was.
    for (const keys of ring) {
      if (keys.kid !== sealed[1]) continue
      const decipher = createDecipheriv('aes-256-gcm', keys.sealingKey(purpose), sealed.subarray(2, headerBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(context(sealed, purpose, aad))
      decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
      const plaintext = decipher.update(sealed.subarray(headerBytes, sealed.length - tagBytes))
      try {
        decipher.final()
        return { id: keys.id, plaintext }
      } catch {
        // Not this key, or not our seal: the caller learns no more than that.
      }
    }
    return undefined
  }

  return {
    ids: ring.map((keys) => keys.id),
    origin,
    seal(purpose, plaintext, aad) {
      const sealed = Buffer.allocUnsafe(headerBytes + plaintext.length + tagBytes)
      sealed[0] = version
      sealed[1] = newest.kid
      const iv = randomBytes(12)
      iv.copy(sealed, 2)
      const cipher = createCipheriv('aes-256-gcm', newest.sealingKey(purpose), iv)
      cipher.setAAD(context(sealed, purpose, aad))
      cipher.update(plaintext).copy(sealed, headerBytes)
      cipher.final()
      cipher.getAuthTag().copy(sealed, headerBytes + plaintext.length)
      return sealed
    },
    open: (purpose, sealed, aad) => tryAll(purpose, sealed, aad)?.plaintext,
    sealedBy: (purpose, sealed, aad) => tryAll(purpose, sealed, aad)?.id,
    mac(purpose, data) {
      return newest.mac(purpose, data)
    },
    verifyMac(purpose, data, mac) {
      if (mac.length !== 1 + keyBytes) return false
      return ring.some((keys) => keys.kid === mac[0] && timingSafeEqual(keys.mac(purpose, data), mac))
    },
  }
}

function kidOf(id: string): number {
  return createHash('sha256').update(id).digest()[0] ?? 0
}

/** An entry and the keys made from it, each derived when it is first needed. */
class DerivedKeys {
  readonly id: string
  /** One byte that is the same wherever the entry is in the ring. */
  readonly kid: number
  readonly #entry: RingEntry
  readonly #sealing = new Map<SealPurpose, KeyObject>()
  readonly #signing = new Map<SealPurpose, KeyObject>()

  constructor(entry: RingEntry) {
    this.id = entry.id
    this.kid = kidOf(entry.id)
    this.#entry = entry
  }

  sealingKey(purpose: SealPurpose): KeyObject {
    return this.#derived(this.#sealing, 'seal', purpose)
  }

  mac(purpose: SealPurpose, data: string | Uint8Array): Buffer {
    const hmac = createHmac('sha256', this.#derived(this.#signing, 'mac', purpose))
      .update(data)
      .digest()
    return Buffer.concat([Uint8Array.of(this.kid), hmac])
  }

  #derived(cache: Map<SealPurpose, KeyObject>, use: 'seal' | 'mac', purpose: SealPurpose): KeyObject {
    let key = cache.get(purpose)
    if (!key) {
      // A key object is imported once; given as bytes, each use would import it again (15 µs instead of 4).
      key = createSecretKey(Buffer.from(hkdfSync('sha256', this.#entry.key, '', `berth ${use} ${purpose}`, keyBytes)))
      cache.set(purpose, key)
    }
    return key
  }
}

/** The entries of a ring's text, or what is wrong with it. The text is a secret, so no part of it is repeated. */
export function parseKeyRing(text: string): { entries: RingEntry[] } | { mistake: string } {
  const words = text
    .replaceAll(/^\s*#.*$/gm, '')
    .split(/[\s,]+/)
    .filter((word) => word !== '')
  if (words.length === 0)
    return { mistake: 'holds no key; 32 bytes in base64 are expected, as `openssl rand -base64 32` makes them' }
  const entries: RingEntry[] = []
  for (const [index, word] of words.entries()) {
    const place = words.length === 1 ? 'the key' : `key ${index + 1} of ${words.length}`
    const colon = word.indexOf(':')
    if (colon < 0 && words.length > 1)
      return { mistake: `${place} has no id; several keys are written \`id:base64\`, newest first` }
    const id = colon < 0 ? 'default' : word.slice(0, colon)
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(id))
      return { mistake: `the id of ${place} is not made of 1 to 64 letters, digits, ".", "_" and "-"` }
    const encoded = word.slice(colon + 1)
    const key = Buffer.from(encoded, 'base64')
    if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(encoded) || key.length !== keyBytes) {
      return { mistake: `${place} is not 32 bytes in base64, as \`openssl rand -base64 32\` makes them` }
    }
    if (entries.some((entry) => entry.id === id)) return { mistake: `the id "${id}" is there twice` }
    entries.push({ id, key })
  }
  return { entries }
}

/**
 * The ring of an installation: from the configuration, or else from `<data-dir>/master-key`, which is made when it is not there and the
 * caller allows it. Only the first start may allow it (a new key cannot open what an older one sealed), holding the lock of the data
 * directory. Throws `StartError`.
 */
export async function loadKeyRing(source: KeyRingSource, options: { mayCreate: boolean }): Promise<KeyRing> {
  if (source.masterKey !== undefined) return ringOfText(source.masterKey, 'BERTH_MASTER_KEY')
  const path = source.masterKeyFile ?? masterKeyFile(source)
  const text = await readSecretFile(path)
  if (text !== undefined) return ringOfText(text, path)
  if (source.masterKeyFile !== undefined) {
    throw new StartError(
      `The master key file ${path} is not there.`,
      'Put the file there, or correct BERTH_MASTER_KEY_FILE.',
    )
  }
  if (!options.mayCreate) {
    throw new StartError(
      `The store in ${source.dataDir} has been initialised, but its master key ${path} is gone.`,
      'Bring the file back from its backup, or give the key by BERTH_MASTER_KEY or BERTH_MASTER_KEY_FILE; no other key opens this store.',
    )
  }
  const entry = newEntry([])
  await writeKeyFile(path, [entry])
  return createKeyRing([entry], path)
}

/** The ring that a data directory keeps for itself, where the operator gives none. */
export function masterKeyFile({ dataDir }: Pick<KeyRingSource, 'dataDir'>): string {
  return join(dataDir, 'master-key')
}

/**
 * Puts a new entry before those of the data directory's ring, and gives the ring as it is then. Its id shares its byte with no other, so that
 * one look tells them apart. The caller holds the lock of the data directory. Throws `StartError`.
 */
export async function addKeyEntry(source: Pick<KeyRingSource, 'dataDir'>): Promise<KeyRing> {
  return changeKeyFile(source, (entries) => [newEntry(entries.map(({ id }) => id)), ...entries])
}

/** Leaves those entries out of the data directory's ring for ever. The caller holds the lock of the data directory. Throws `StartError`. */
export async function dropKeyEntries(source: Pick<KeyRingSource, 'dataDir'>, ids: readonly string[]): Promise<KeyRing> {
  return changeKeyFile(source, (entries) => entries.filter(({ id }, index) => index === 0 || !ids.includes(id)))
}

async function changeKeyFile(
  source: Pick<KeyRingSource, 'dataDir'>,
  change: (entries: RingEntry[]) => RingEntry[],
): Promise<KeyRing> {
  const path = masterKeyFile(source)
  const entries = change(entriesOf((await readSecretFile(path)) ?? '', path))
  await writeKeyFile(path, entries)
  return createKeyRing(entries, path)
}

/** With a higher number than all: the newest is never dropped, so an id does not come back with another key. */
function newEntry(ids: readonly string[]): RingEntry {
  const bytes = ids.map(kidOf)
  let number = Math.max(ids.length, ...ids.map((id) => Number(/^key-(\d{1,9})$/.exec(id)?.[1] ?? 0)))
  do number += 1
  while (bytes.includes(kidOf(`key-${number}`)))
  return { id: `key-${number}`, key: randomBytes(keyBytes) }
}

function ringOfText(text: string, origin: string): KeyRing {
  return createKeyRing(entriesOf(text, origin), origin)
}

function entriesOf(text: string, origin: string): RingEntry[] {
  const parsed = parseKeyRing(text)
  if ('mistake' in parsed) {
    throw new StartError(`${origin}: ${parsed.mistake}.`, 'Give the ring with which this store was initialised.')
  }
  return parsed.entries
}

/** The text of a file that others cannot read, or undefined when there is none. */
async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    const reason = tooOpen(await stat(path))
    if (reason) throw new StartError(`The master key file ${path} ${reason}.`, `Run: chmod 600 '${path}'`)
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === undefined) throw error
    if (code === 'ENOENT') return undefined
    throw new StartError(
      `The master key file ${path} cannot be read (${code}).`,
      'Make it a file that the user of this process can read.',
      {
        cause: error,
      },
    )
  }
}

/**
 * Why a file of secrets is open to others, if it is. The rule is PostgreSQL's for private keys: nobody but the owner, save that the group
 * may read what root owns, since that is how orchestrators hand a secret to a process that is not root.
 */
export function tooOpen(stats: Pick<Stats, 'mode' | 'uid'>): string | undefined {
  if (process.platform === 'win32') return undefined
  const forbidden = stats.uid === 0 ? 0o037 : 0o077
  if ((stats.mode & forbidden) === 0) return undefined
  return `may be read or written by others than its owner (mode ${(stats.mode & 0o777).toString(8)})`
}

/** Whole or not at all, whatever happens: a file beside it, synced, then renamed, then its folder synced. */
async function writeKeyFile(path: string, entries: readonly RingEntry[]): Promise<void> {
  const lines = entries.map(({ id, key }) => `${id}:${key.toString('base64')}\n`)
  const text = `# The master key ring of this Berth store: it opens every secret in it. Keep a copy, apart from backups of the store.\n${lines.join('')}`
  const temporary = `${path}.new`
  try {
    await using file = await open(temporary, 'w', 0o600)
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
    await rename(temporary, path)
    await using folder = await open(dirname(path), 'r')
    await folder.sync()
  } catch (error) {
    throw new StartError(
      `The master key cannot be written to ${path} (${systemErrorCode(error) ?? error}).`,
      'Make the data directory writable for the user of this process, or give the key by BERTH_MASTER_KEY.',
      { cause: error },
    )
  }
}
