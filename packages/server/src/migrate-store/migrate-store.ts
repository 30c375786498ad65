// berth migrate-store: a whole store, copied from where the configuration says it is to another place, and left there (facts.ts tells
// by which facts, and in which order). Offline: nobody serves either of the two meanwhile.
//
//   rows     rows.ts      copied in the order of their keys, then compared, one by one
//   blobs    blobs.ts     hashed while they are copied, read back and hashed again
//   switch   facts.ts     only when all of it is right

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadKeyRing } from '../auth/key-ring.ts'
import { RegistryError, StartError } from '../base/errors.ts'
import { randomIds } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import type { BlobStore } from '../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { factsTable } from '../storage/metadata/tables/facts.ts'
import { copyBlobs, countMissing, storedBlobs } from './blobs.ts'
import { beginCopy, type Facts, finishCopy, readFacts, switchOver } from './facts.ts'
import { copySecret, lockFolders, ofTarget, openBlobs, openDatabase, type PlaceParts } from './places.ts'
import { createProgress, durationText, type Progress, type ProgressOutput, sizeText } from './progress.ts'
import { copyRows, tableWithRows, verifyRows } from './rows.ts'
import { blobsPlace, databasePlace, type Move } from './target.ts'
import { forgetVerifiedBlobs, openVerifiedBlobs } from './verified-blobs.ts'
import { describeWrong, type Wrong } from './wrong.ts'

export interface MigrationParts {
  log: Log
  /** Shown while it goes on. */
  output: ProgressOutput
  /** Ends it, at a point from which it goes on later. */
  signal: AbortSignal
  onFailedSync: (error: unknown) => void
}

export interface Outcome {
  /** What is wrong in the source, a line each. If there is anything, nothing was switched. */
  wrong: readonly string[]
  /** What was done, and what is to be done now. */
  summary: string
}

const goOn = 'Run the same command again: it goes on where it stopped. Until it has ended the store is where it was.'

/** @throws StartError for everything that the operator can act on; what `signal` was aborted with */
export async function migrateStore(config: Config, move: Move, parts: MigrationParts): Promise<Outcome> {
  const closing: (() => unknown)[] = []
  try {
    return await migrate(config, move, { ...parts, closing })
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    const { code } = error.fault
    if (code === 'StoreFull')
      throw new StartError('there is no room in the target', `Make room. ${goOn}`, { cause: error })
    if (code !== 'Unavailable') throw error
    throw new StartError(`the copy stopped: ${error.fault.message} (${reasonOf(error)})`, goOn, { cause: error })
  } finally {
    for (const step of closing.reverse()) await step()
  }
}

function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : 'no reason was given'
}

async function migrate(config: Config, move: Move, parts: MigrationParts & PlaceParts): Promise<Outcome> {
  const { target: place, movesDatabase, movesBlobs, description } = move
  const { signal } = parts
  const progress = createProgress(parts.output)
  await lockFolders(config, place, parts)
  const source = await openDatabase(config, parts, (facts) => requireSource(facts, config, move))
  const facts = await readFacts(source)
  const id = facts.get('installation_id') ?? ''
  await requireMasterKey(config, facts, id)

  let target = source
  if (movesDatabase) {
    target = await ofTarget(() => openDatabase(place, parts, (found) => requireTarget(found, facts, move)))
    const there = await readFacts(target)
    if (facts.get('moved_to') === description) {
      if (there.has('migrating_from')) await finishCopy(target)
      return { wrong: [], summary: `The store is in ${description} already: there was nothing left to copy.\n` }
    }
    const table = there.has('migrating_from') ? undefined : await tableWithRows(target)
    if (table !== undefined) throw mixing(databasePlace(place), `it has rows of ${table}`)
  }
  const sourceBlobs = await openBlobs(config, parts)
  await requireOwnBlobs(sourceBlobs, facts, id, config)
  const blobs = movesBlobs ? await ofTarget(() => openTargetBlobs(place, parts, target, facts, id)) : undefined
  if (movesDatabase) await beginCopy(target, facts, id)
  if (blobs?.isNew) await blobs.claim()
  progress.say(`From ${databasePlace(config)}, with the blobs in ${blobsPlace(config)}\nto   ${description}`)

  const wrong: Wrong[] = []
  let rows = 0
  if (movesDatabase) {
    const counted = progress.count('rows copied')
    await copyRows({ source, target, signal, onRows: counted.add }).finally(counted.end)
    const compared = progress.count('rows compared')
    const onRows = (count: number) => {
      rows += count
      compared.add(count)
    }
    wrong.push(...(await verifyRows({ source, target, signal, onRows }).finally(compared.end)))
    progress.say(`${rows.toLocaleString('en')} rows were copied and compared.`)
  }
  const moved = blobs && (await moveBlobs({ source, target, from: sourceBlobs, to: blobs, progress, signal, wrong }))
  signal.throwIfAborted()
  if (wrong.length > 0) return { wrong: await describeWrong(source, wrong), summary: '' }

  const uploads = await source.read((db) =>
    db
      .selectFrom('uploads')
      .select((e) => e.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow(),
  )
  const key = await carryMasterKey(config, move)
  await switchOver({
    source,
    target,
    blobStore: blobs ? blobs.id : facts.get('blob_store'),
    movesBlobs,
    movedTo: description,
  })
  return { wrong: [], summary: summaryOf({ config, move, rows, moved, uploads: Number(uploads.count), key }) }
}

// Before anything is changed

function requireSource(facts: Facts, config: Config, { movesDatabase }: Move): void {
  if (!facts.has('installation_id')) {
    throw new StartError(
      `there is no store in ${databasePlace(config)}`,
      'Say where the store is: by --data-dir, --database-url and --blob-store.',
    )
  }
  if (facts.has('moved_to') && !movesDatabase) throw movedAlready(facts.get('moved_to'))
  if (facts.has('migrating_from')) {
    throw new StartError(
      `${databasePlace(config)} is itself a copy that was not finished`,
      'Finish it first, by the `berth migrate-store` that began it.',
    )
  }
}

async function requireMasterKey(config: Config, facts: Facts, id: string): Promise<void> {
  const keyRing = await loadKeyRing(config, { mayCreate: false })
  if (keyRing.open('canary', Buffer.from(facts.get('canary') ?? '', 'base64'), id)) return
  throw new StartError(
    `the master key from ${keyRing.origin} is not the one that this store was sealed with`,
    'Give the key ring of this installation: the new place needs it too.',
  )
}

/** A target is empty, or an earlier run of this one; or what this one became. */
function requireTarget(found: Facts, facts: Facts, { target, description }: Move): void {
  const id = facts.get('installation_id')
  const movedTo = facts.get('moved_to')
  const isOwn = found.get('installation_id') === id
  if (movedTo !== undefined && !(isOwn && movedTo === description)) {
    throw movedAlready(movedTo)
  }
  if (!found.has('installation_id') || movedTo !== undefined) return
  if (isOwn && found.get('migrating_from') === id) return
  throw mixing(
    databasePlace(target),
    isOwn ? 'it holds another copy of this one, which may have gone its own way' : 'it holds another installation',
  )
}

function movedAlready(where: string | undefined): StartError {
  return new StartError(`this store was moved to ${where} already`, 'Copy from there: what is here is out of date.')
}

function mixing(place: string, what: string): StartError {
  return new StartError(
    `refusing to mix: ${place} is not empty, ${what}`,
    'Give an empty place; or move away, or remove, what is there and not needed any more.',
  )
}

async function requireOwnBlobs(blobs: BlobStore, facts: Facts, id: string, config: Config): Promise<void> {
  const known = facts.get('blob_store')
  const owner = await blobs.owner()
  // Neither says anything before the first start of a version that knows of it.
  if (owner === (known === undefined ? undefined : `${id}/${known}`)) return
  throw new StartError(
    `the blobs of this installation are not in ${blobsPlace(config)}`,
    'Say where they are: by --blob-store, or by the data directory.',
  )
}

interface TargetBlobs {
  store: BlobStore
  /** What the mark of the store says after the installation's id. */
  id: string
  isNew: boolean
  claim(): Promise<void>
}

/** The mark is made at the beginning, so that nobody else begins there. It is none that any database knows until the end. */
async function openTargetBlobs(
  place: Move['target'],
  parts: PlaceParts,
  metadata: MetadataStore,
  facts: Facts,
  installationId: string,
): Promise<TargetBlobs> {
  const store = await openBlobs(place, parts)
  const known = (await readFacts(metadata)).get('next_blob_store')
  const owner = await store.owner()
  if (owner === `${installationId}/${facts.get('blob_store')}`) {
    throw new StartError(
      `the blobs are in ${blobsPlace(place)} already`,
      'Give --to-blob-store=same if they are to stay there.',
    )
  }
  if (owner !== undefined && (known === undefined || owner !== `${installationId}/${known}`)) {
    throw mixing(blobsPlace(place), 'it belongs to another installation, or to another copy of this one')
  }
  if (owner === undefined) {
    for await (const _ of store.storageKeys()) throw mixing(blobsPlace(place), 'it holds blobs')
  }
  const id = owner === undefined || known === undefined ? randomIds.request() : known
  return {
    store,
    id,
    isNew: owner === undefined,
    async claim() {
      await metadata.write((tx) => factsTable.setFact(tx, 'next_blob_store', id))
      await forgetVerifiedBlobs(metadata)
      const mark = `${installationId}/${id}`
      if ((await store.claim(mark)) !== mark) throw mixing(blobsPlace(place), 'another has just taken it')
    },
  }
}

// The blobs

interface BlobMove {
  source: MetadataStore
  target: MetadataStore
  from: BlobStore
  to: TargetBlobs
  progress: Progress
  signal: AbortSignal
  wrong: Wrong[]
}

async function moveBlobs({ source, target, from, to, progress, signal, wrong }: BlobMove) {
  // Nobody else has the target: what is staged there is of a run that was killed.
  for await (const strays of to.store.strays(0)) for (const stray of strays) await to.store.removeStray(stray)
  const verified = await openVerifiedBlobs(target)
  const all = await storedBlobs(source)
  const left = await storedBlobs(source, verified.upTo)
  if (left.count < all.count) {
    const count = (all.count - left.count).toLocaleString('en')
    progress.say(`${count} blobs were copied and verified by an earlier run.`)
  }
  const again = verified.except.length
  if (again > 0) progress.say(`${again} blobs that were wrong are tried again.`)
  const shown = progress.blobs({ ...left, count: left.count + again })
  const { onBytes, onBlob } = shown
  const copy = {
    metadata: source,
    source: from,
    target: to.store,
    verified,
    isResumed: !to.isNew,
    signal,
    onBytes,
    onBlob,
  }
  let counts: ReturnType<typeof shown.end> | undefined
  try {
    wrong.push(...(await copyBlobs(copy)))
  } finally {
    counts = shown.end()
  }
  const missing = wrong.length > 0 ? 0 : await countMissing(source, to.store)
  if (missing > 0) {
    await forgetVerifiedBlobs(target)
    throw new StartError(
      `${missing} blobs that were copied earlier are not in the target any more`,
      'Find out who removes them. Run the same command again: it reads everything anew.',
    )
  }
  return { ...counts, earlier: all.count - left.count - again }
}

// The end

/** Copies a key that is in the data directory of the source to that of an embedded target. Gives where the new place finds it. */
async function carryMasterKey(config: Config, { target, movesDatabase }: Move): Promise<string> {
  if (config.masterKey !== undefined)
    return 'The master key is given to the new place as to the old one: BERTH_MASTER_KEY.'
  if (config.masterKeyFile !== undefined)
    return `The master key is given to the new place as to the old one: BERTH_MASTER_KEY_FILE=${config.masterKeyFile}.`
  const file = join(config.dataDir, 'master-key')
  if (!movesDatabase || target.dataDir === config.dataDir) {
    return target.database
      ? `The master key is in ${file}: every node needs it, by BERTH_MASTER_KEY_FILE, in a file of mode 0600.`
      : `The master key stays in ${file}.`
  }
  if (target.database)
    return `The master key is in ${file}: every node needs a copy of it, by BERTH_MASTER_KEY_FILE, in a file of mode 0600.`
  const copy = join(target.dataDir, 'master-key')
  await copySecret(file, copy)
  return `The master key was copied to ${copy}.`
}

interface SummaryParts {
  config: Config
  move: Move
  rows: number
  moved: Awaited<ReturnType<typeof moveBlobs>> | undefined
  uploads: number
  key: string
}

function summaryOf({ config, move, rows, moved, uploads, key }: SummaryParts): string {
  const { target, movesDatabase, movesBlobs, description } = move
  const lines = [`The store is now in ${description}.`, '']
  if (movesDatabase) lines.push(`  rows     ${rows.toLocaleString('en')}, each compared with that of the source`)
  if (moved) {
    const { copied, found, earlier, bytes, seconds } = moved
    const others = [
      found > 0 ? `${found} were there already` : '',
      earlier > 0 ? `${earlier} were copied by an earlier run` : '',
    ]
    lines.push(
      `  blobs    ${copied.toLocaleString('en')} copied${others
        .filter(Boolean)
        .map((text) => `, ${text}`)
        .join('')}; every digest was checked in the source and in the target`,
      `  bytes    ${sizeText(bytes)} in ${durationText(seconds)}: ${sizeText(bytes / Math.max(seconds, 0.001))}/s`,
    )
  }
  if (uploads > 0) lines.push(`  uploads  ${uploads} in progress were left behind; their clients begin them again`)
  const settings = [
    target.database ? 'BERTH_DATABASE_URL=… (what --to-database says)' : '',
    target.blobStore
      ? `BERTH_BLOB_STORE=… ${movesBlobs ? '(what --to-blob-store says) and its key' : '(as before)'}`
      : '',
    target.database && target.blobStore ? '' : `BERTH_DATA_DIR=${target.dataDir}`,
  ]
  lines.push('', 'Serve it with:', ...settings.filter(Boolean).map((text) => `  ${text}`), key)
  const credentials = join(config.dataDir, 'credentials')
  if (target.dataDir !== config.dataDir && existsSync(credentials)) {
    lines.push(
      `The first access key is in ${credentials}: copy the file to the new data directory if \`berth env\` is to find it.`,
    )
  }
  const left = movesDatabase && movesBlobs ? 'store is' : movesDatabase ? 'database is' : 'blobs are'
  lines.push(
    `The old ${left} kept, and not served any more: remove what you do not need when the new place has proven itself.`,
  )
  return `${lines.join('\n')}\n`
}
