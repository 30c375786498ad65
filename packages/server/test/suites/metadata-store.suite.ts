// What every metadata store does, whatever database it is made of: transactions, their races and their end, counters of caches, and
// values that come back as they went (metadata-store.ts). Each backend runs it (src/storage/metadata/*-suite.test.ts).

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '@berth/api/names/digest.ts'
import type { AccountId, Region } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import { RegistryError } from '../../src/base/errors.ts'
import type { MetadataStore, Transaction } from '../../src/storage/metadata/metadata-store.ts'
import { accountsTable } from '../../src/storage/metadata/tables/accounts.ts'
import { factsTable } from '../../src/storage/metadata/tables/facts.ts'
import { generationsTable } from '../../src/storage/metadata/tables/generations.ts'
import { imagesTable, tagsTable } from '../../src/storage/metadata/tables/images.ts'
import { repositoriesTable } from '../../src/storage/metadata/tables/repositories.ts'
import { until } from '../support/until.ts'

/** One database and the processes on it. */
export interface MetadataProcesses {
  /** The store of one process. */
  store: MetadataStore
  /** The store of another, or the same where one process has the database for itself. */
  other: MetadataStore
  /** Opens `store` anew, after it was closed. */
  reopen(): Promise<MetadataStore>
}

export interface MetadataBackend {
  name: string
  /** Why it can not be had here. */
  skip?: string | undefined
  /** Whether a start can meet the start of another process; otherwise a lock above the store keeps them apart. */
  hasOtherStarts: boolean
  /** An empty database, gone after the test. */
  open(t: TestContext): Promise<MetadataProcesses>
}

const registry = { accountId: '123456789012' as AccountId, region: 'us-east-1' as Region }
const digestOf = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}` as Digest
const refusal = () => new RegistryError({ code: 'LimitExceeded', message: 'no more' })

const fact = (store: MetadataStore, key: string) => store.read((db) => factsTable.fact(db, key))
const setFact = (key: string, value: string) => (tx: Transaction) => factsTable.setFact(tx, key, value)

const repositoryRow = (name: string) => ({
  account_id: registry.accountId,
  region: registry.region,
  name: name as RepositoryName,
  created_at: 0,
  tag_mutability: 'MUTABLE' as const,
  exclusion_filters: null,
  scan_on_push: 0,
  key_scope: 'default',
  image_count: 0,
})

const imageRow = (repositoryId: number, n: number) => ({
  repository_id: repositoryId,
  digest: digestOf(n),
  media_type: 'application/vnd.oci.image.manifest.v1+json',
  artifact_media_type: null,
  artifact_type: null,
  subject_digest: null,
  annotations: null,
  manifest_size: 1,
  image_size: 1,
  pushed_at: n,
  pulled_at: null,
  tag_count: 0,
  manifest: Buffer.from('x'),
})

const createAccount = (store: MetadataStore) =>
  store.write((tx) => accountsTable.insert(tx, { account_id: registry.accountId, created_at: 0 }))

async function createRepository(store: MetadataStore, name = 'app'): Promise<number> {
  const row = await store.write((tx) => repositoriesTable.insert(tx, repositoryRow(name)))
  assert.ok(row)
  return row.id
}

export function describeMetadataStore(backend: MetadataBackend): void {
  describe(`the metadata store on ${backend.name}`, { skip: backend.skip ?? false }, () => {
    describe('a transaction', () => {
      test('is all or nothing, whatever it threw and however far it was', async (t) => {
        const { store, other } = await backend.open(t)
        for (const error of [new Error('a bug'), refusal()]) {
          const thrown = store.write(async (tx) => {
            await setFact('a', '1')(tx)
            await setFact('b', '1')(tx)
            throw error
          })
          await assert.rejects(thrown, (caught) => caught === error)
          await assert.rejects(
            store.writeSoon(async (tx) => {
              await setFact('a', '1')(tx)
              throw error
            }),
            (caught) => caught === error,
          )
        }
        assert.deepEqual([await fact(store, 'a'), await fact(other, 'b')], [undefined, undefined])
        await store.write(setFact('a', '2'))
        assert.equal(await fact(other, 'a'), '2')
      })

      test('gives what its function gives, and its commits are counted', async (t) => {
        const { store } = await backend.open(t)
        const { commits } = store.statistics()
        assert.equal(await store.write(async () => 'written'), 'written')
        assert.equal(await store.writeSoon(async () => 'soon'), 'soon')
        await assert.rejects(store.write(() => Promise.reject(new Error('no'))))
        assert.equal(store.statistics().commits - commits, 2)
        await store.durable()
      })

      test('of one statement stands when it has been answered, a hundred at once; one that fails changes nothing', async (t) => {
        const { store, other } = await backend.open(t)
        await Promise.all(Array.from({ length: 100 }, (_, n) => store.writeStatement(setFact(`n${n}`, `${n}`))))
        assert.deepEqual([await fact(other, 'n0'), await fact(store, 'n99')], ['0', '99'])
        const twice = (tx: Transaction) => tx.db.insertInto('meta').values({ key: 'n0', value: 'other' }).execute()
        await assert.rejects(store.writeStatement(twice))
        await assert.rejects(
          store.writeStatement(() => Promise.reject(new Error('a bug'))),
          /a bug/,
        )
        assert.equal(await fact(other, 'n0'), '0')
        assert.equal(await store.writeStatement(async () => 'nothing'), 'nothing')
        await store.write(setFact('n0', 'after'))
        assert.equal(await fact(other, 'n0'), 'after')
      })

      test('whose statement fails is gone as a whole, and the store goes on', async (t) => {
        const { store } = await backend.open(t)
        await createAccount(store)
        await assert.rejects(
          store.write(async (tx) => {
            await setFact('a', '1')(tx)
            const row = { account_id: registry.accountId, created_at: 1, alias: null, closed_at: null }
            await tx.db.insertInto('accounts').values(row).execute()
          }),
          // A constraint that no race explains is a bug, and no refusal.
          (error) => error instanceof Error && !(error instanceof RegistryError) && /unique/i.test(error.message),
        )
        await assert.rejects(
          store.write((tx) =>
            tx.db
              .insertInto('repositories')
              .values({ ...repositoryRow('a'), account_id: '000000000000' as AccountId })
              .execute(),
          ),
          (error) => error instanceof Error && !(error instanceof RegistryError) && /foreign key/i.test(error.message),
        )
        assert.equal(await fact(store, 'a'), undefined)
        await store.write(setFact('a', '2'))
      })

      test('sees its own changes; others see all of them or none', async (t) => {
        const { store, other } = await backend.open(t)
        await store.write(async (tx) => {
          await setFact('left', '0')(tx)
          await setFact('right', '0')(tx)
        })
        const pair = (reader: MetadataStore) =>
          reader.read(async (db) => {
            const rows = await db.selectFrom('meta').select('value').where('key', 'in', ['left', 'right']).execute()
            return rows.map((row) => row.value)
          })
        let isOver = false
        const looks = [store, other].map(async (reader) => {
          let count = 0
          for (; !isOver; count++) {
            const [left, right] = await pair(reader)
            assert.equal(left, right)
            await nextTurn()
          }
          return count
        })
        for (let n = 1; n <= 30; n++) {
          await store.write(async (tx) => {
            await setFact('left', `${n}`)(tx)
            assert.equal(await factsTable.fact(tx.db, 'left'), `${n}`)
            await nextTurn()
            await setFact('right', `${n}`)(tx)
          })
        }
        isOver = true
        for (const count of await Promise.all(looks)) assert.ok(count > 0)
        assert.deepEqual(await pair(other), ['30', '30'])
      })

      test('of many writers at once: no change by expression is lost', async (t) => {
        const { store, other } = await backend.open(t)
        await createAccount(store)
        const id = await createRepository(store)
        const writers = Array.from({ length: 60 }, (_, n) =>
          (n % 2 === 0 ? store : other).write((tx) => repositoriesTable.addImages(tx, id, 1)),
        )
        await Promise.all(writers)
        assert.equal((await store.read((db) => repositoriesTable.find(db, registry, 'app')))?.image_count, 60)
      })

      test('that has locked a repository decides by what nobody else changes meanwhile', async (t) => {
        const { store, other } = await backend.open(t)
        await createAccount(store)
        await createRepository(store)
        const outcomes = await Promise.all(
          Array.from({ length: 30 }, (_, n) =>
            (n % 2 === 0 ? store : other)
              .write(async (tx) => {
                const row = await repositoriesTable.lock(tx, registry, 'app')
                assert.ok(row)
                await nextTurn()
                if (row.image_count >= 7) throw refusal()
                await repositoriesTable.update(tx, row, { image_count: row.image_count + 1 })
                return 'done'
              })
              .catch((error: unknown) => (error instanceof RegistryError ? error.fault.code : error)),
          ),
        )
        assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 7)
        assert.equal(outcomes.filter((outcome) => outcome === 'LimitExceeded').length, 23)
      })

      test('a unique index decides a race: one wins, the others hear of it', async (t) => {
        const { store, other } = await backend.open(t)
        await createAccount(store)
        const rows = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 === 0 ? store : other).write((tx) => repositoriesTable.insert(tx, repositoryRow('contested'))),
          ),
        )
        assert.equal(rows.filter((row) => row !== undefined).length, 1)
      })

      test('a number that was given to a row is not given again', async (t) => {
        const { store } = await backend.open(t)
        await createAccount(store)
        const first = await createRepository(store, 'first')
        await store.write(async (tx) => {
          const row = await repositoriesTable.lock(tx, registry, 'first')
          assert.ok(row)
          await repositoriesTable.delete(tx, row)
        })
        assert.ok((await createRepository(store, 'second')) > first)
      })
    })

    describe('a read', () => {
      test('gives errors as they are, and the store goes on', async (t) => {
        const { store } = await backend.open(t)
        for (const error of [new Error('a bug'), refusal()]) {
          await assert.rejects(
            store.read(() => Promise.reject(error)),
            (caught) => caught === error,
          )
        }
        await assert.rejects(
          store.read((db) =>
            db
              .selectFrom('nothing' as 'meta')
              .selectAll()
              .execute(),
          ),
          /nothing/,
        )
        assert.equal(await fact(store, 'a'), undefined)
      })

      test('sees what was committed before it, in this process and in others', async (t) => {
        const { store, other } = await backend.open(t)
        for (let n = 0; n < 20; n++) {
          const [writer, reader] = n % 2 === 0 ? [store, other] : [other, store]
          await (n % 3 === 0 ? writer.writeSoon(setFact('n', `${n}`)) : writer.write(setFact('n', `${n}`)))
          assert.deepEqual([await fact(reader, 'n'), await fact(writer, 'n')], [`${n}`, `${n}`])
        }
      })
    })

    describe('generations', () => {
      const move = (tx: Transaction) => generationsTable.move(tx, 'identities')

      test('move with the transaction that moves them: here at once, elsewhere soon', async (t) => {
        const { store, other } = await backend.open(t)
        assert.equal(await store.generation('identities'), 0)
        for (let n = 1; n <= 5; n++) {
          await store.write(move)
          assert.equal(await store.generation('identities'), n)
          await until('the other process knows', async () => (await other.generation('identities')) === n)
        }
        await assert.rejects(
          store.write(async (tx) => {
            await move(tx)
            throw refusal()
          }),
        )
        assert.equal(await store.generation('identities'), 5)
      })

      test('many at once move it by as many', async (t) => {
        const { store, other } = await backend.open(t)
        await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? store : other).write(move)))
        await until('both know', async () => {
          return (await store.generation('identities')) === 20 && (await other.generation('identities')) === 20
        })
      })
    })

    describe('exclusively', () => {
      test('gives what the task gives, and its error', async (t) => {
        const { store } = await backend.open(t)
        assert.equal(await store.exclusively(async () => 'done'), 'done')
        await assert.rejects(
          store.exclusively(() => Promise.reject(new Error('no'))),
          /^Error: no$/,
        )
        const inside = await store.exclusively(async () => {
          await store.write(setFact('a', '1'))
          return fact(store, 'a')
        })
        assert.equal(inside, '1')
      })

      test('one process at a time', {
        skip: backend.hasOtherStarts ? false : 'the data directory has a lock',
      }, async (t) => {
        const { store, other } = await backend.open(t)
        let running = 0
        const task = async () => {
          running += 1
          assert.equal(running, 1)
          for (let turn = 0; turn < 5; turn++) await fact(store, 'a')
          running -= 1
        }
        await Promise.all([store, other, store, other].map((each) => each.exclusively(task)))
      })
    })

    describe('the end', () => {
      test('ends under work: what was acknowledged is there, what was refused is not, and nothing hangs', async (t) => {
        const { store, reopen } = await backend.open(t)
        const acknowledged: string[] = []
        const refused: string[] = []
        const writers = Array.from({ length: 40 }, async (_, n) => {
          try {
            await store.write(async (tx) => {
              await setFact(`a${n}`, '1')(tx)
              await setFact(`b${n}`, '1')(tx)
            })
            acknowledged.push(`${n}`)
          } catch {
            refused.push(`${n}`)
          }
        })
        await until('some are done', () => acknowledged.length > 0)
        await store.close()
        await Promise.all(writers)
        await assert.rejects(store.write(setFact('late', '1')))
        const again = await reopen()
        const facts = await again.read((db) => db.selectFrom('meta').select('key').execute())
        const keys = new Set(facts.map(({ key }) => key))
        for (const n of acknowledged) assert.ok(keys.has(`a${n}`) && keys.has(`b${n}`), n)
        for (const n of refused) assert.equal(keys.has(`a${n}`), keys.has(`b${n}`), n)
        assert.ok(!keys.has('late'))
      })
    })

    describe('values come back as they went', () => {
      test('bytes: none, each of the 256, and 4 MiB of them', async (t) => {
        const { store, other } = await backend.open(t)
        const each = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
        for (const [n, content] of [Buffer.alloc(0), each, Buffer.alloc(4 * 1024 * 1024, each)].entries()) {
          await store.write((tx) =>
            tx.db
              .insertInto('blobs')
              .values({
                key_scope: 'default',
                digest: digestOf(n),
                size: content.length,
                storage_key: null,
                content,
                created_at: 0,
                deleting_at: null,
              })
              .execute(),
          )
          const [row] = await other.read((db) =>
            db.selectFrom('blobs').selectAll().where('digest', '=', digestOf(n)).execute(),
          )
          assert.ok(row?.content && Buffer.from(row.content).equals(content))
          assert.deepEqual([row.size, row.storage_key, row.deleting_at], [content.length, null, null])
        }
      })

      test('numbers beyond 32 bits, up to what JavaScript counts exactly', async (t) => {
        const { store, other } = await backend.open(t)
        const numbers = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 52_000 * 2 ** 20, Number.MAX_SAFE_INTEGER]
        await createAccount(store)
        const id = await createRepository(store)
        for (const [n, number] of numbers.entries()) {
          await store.write((tx) =>
            imagesTable.insert(tx, { ...imageRow(id, n), image_size: number, pushed_at: number }),
          )
        }
        const page = await other.read((db) => imagesTable.page(db, id, 'ANY', undefined, 100))
        assert.deepEqual(
          page.map((row) => [row.image_size, row.pushed_at, row.pulled_at]),
          numbers.map((number) => [number, number, null]),
        )
        const last = { pushedAt: 2 ** 31, digest: digestOf(3) }
        assert.equal((await other.read((db) => imagesTable.page(db, id, 'UNTAGGED', last, 100))).length, 3)
      })

      test('text of every script, and long text', async (t) => {
        const { store, other } = await backend.open(t)
        for (const text of [
          '',
          ' ',
          '\'"\\%_;--',
          'ÄÖß 漢字 עברית 🐳 e\u0301',
          '\u0001\n\t\u2028',
          'x'.repeat(2_000_000),
        ]) {
          await store.write(setFact('text', text))
          assert.equal(await fact(other, 'text'), text)
        }
      })

      test('counts are numbers', async (t) => {
        const { store } = await backend.open(t)
        await createAccount(store)
        await createRepository(store)
        assert.equal(await store.write((tx) => repositoriesTable.lockCount(tx, registry)), 1)
      })
    })

    describe('order', () => {
      const texts = ['a', 'B', '_', 'A', 'a.b', 'a-b', 'a_b', 'Z', '0', 'aa', 'ab', 'b', 'z9', 'z10', 'a.', 'a0']
      const inByteOrder = texts.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))

      test('tags and names come in the order of their bytes, and pages go on after any text', async (t) => {
        const { store } = await backend.open(t)
        await createAccount(store)
        const id = await createRepository(store)
        await store.write(async (tx) => {
          await imagesTable.insert(tx, imageRow(id, 1))
          for (const tag of texts) await tagsTable.put(tx, id, tag as never, digestOf(1), undefined, 0)
          for (const name of texts) await repositoriesTable.insert(tx, repositoryRow(`order/${name}`))
        })
        assert.deepEqual(await store.read((db) => tagsTable.names(db, id, undefined, 100)), inByteOrder)
        for (const after of [...texts, 'a/', 'M', '~']) {
          const expected = inByteOrder.filter((text) => Buffer.compare(Buffer.from(text), Buffer.from(after)) > 0)
          assert.deepEqual(await store.read((db) => tagsTable.names(db, id, after, 100)), expected, after)
          const names = await store.read((db) => repositoriesTable.page(db, registry, `order/${after}`, 100))
          assert.deepEqual(
            names.map((row) => row.name.slice('order/'.length)),
            expected,
            after,
          )
        }
      })
    })
  })
}
