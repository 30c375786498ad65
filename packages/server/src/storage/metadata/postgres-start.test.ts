// A start that PostgreSQL does not let happen: one sentence that names the setting and what to do, within seconds, and nothing stays open.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { startFaultProxy } from '../../../test/support/fault-proxy.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { openPeek } from '../../../test/support/peek.ts'
import { sharedPostgres, whyNoDatabase } from '../../../test/support/postgres-server.ts'
import { newDatabase, openPostgresNode } from '../../../test/support/postgres-store.ts'
import { StartError } from '../../base/errors.ts'
import { schemaVersion } from './migrations/migrate.ts'

const longestMs = 8000

function changed(url: string, change: (parsed: URL) => void): string {
  const parsed = new URL(url)
  change(parsed)
  return parsed.href
}

async function assertRefused(url: string, message: RegExp, hint: RegExp): Promise<void> {
  const since = performance.now()
  await assert.rejects(
    openPostgresNode(url).then((store) => store.close()),
    (error: unknown) => {
      assert.ok(error instanceof StartError, String(error))
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      assert.ok(!`${error.message} ${error.hint}`.includes(decodeURIComponent(new URL(url).password) || '\0'))
      return true
    },
  )
  const took = performance.now() - since
  assert.ok(took < longestMs, `${took} ms`)
}

/** A way to the server on which it says that it is older than it is. */
async function olderServer(t: TestContext, url: string): Promise<string> {
  const { port, hostname } = new URL(url)
  const sockets = new Set<Socket>()
  const proxy: Server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    // Six digits for six digits: no length changes.
    upstream.on('data', (bytes: Buffer) => {
      client.write(Buffer.from(bytes.toString('latin1').replace(/\b1\d\d{4}\b(?=[\s\S]{4}UTF8)/, '120022'), 'latin1'))
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  const address = proxy.address()
  assert.ok(address !== null && typeof address === 'object')
  return changed(url, (parsed) => {
    parsed.port = String(address.port)
  })
}

describe('a start that PostgreSQL does not let happen', { skip: whyNoDatabase() ?? false }, () => {
  test('a wrong password, and a user who is unknown', async (t) => {
    const { url } = await newDatabase(t)
    const names =
      /^the database berth_\w+ at 127\.0\.0\.1:\d+ \(BERTH_DATABASE_URL\) can not be used: password authentication failed/
    const hint = /Correct the user and the password in BERTH_DATABASE_URL/
    await assertRefused(
      changed(url, (to) => (to.password = 'wrong-one')),
      names,
      hint,
    )
    await assertRefused(
      changed(url, (to) => (to.username = 'nobody-knows')),
      names,
      hint,
    )
  })

  test('a database that is not there', async (t) => {
    const { url } = await newDatabase(t)
    const missing = changed(url, (to) => (to.pathname = '/missing'))
    await assertRefused(missing, /BERTH_DATABASE_URL.*"missing" does not exist/, /^Create it: createdb -O \w+ missing$/)
  })

  test('a user who may not create tables', async (t) => {
    const { url, peek } = await newDatabase(t)
    await peek.run(`
      DROP ROLE IF EXISTS berth_weak; CREATE ROLE berth_weak LOGIN PASSWORD 'weak-password';
      REVOKE CREATE ON SCHEMA public FROM public`)
    const server = await sharedPostgres()
    t.after(async () => {
      const admin = openPeek(server.url)
      await admin.run('DROP ROLE berth_weak')
      await admin.close()
    })
    const weak = changed(url, (to) => {
      to.username = 'berth_weak'
      to.password = 'weak-password'
    })
    await assertRefused(
      weak,
      /BERTH_DATABASE_URL.*permission denied/,
      /^Let berth_weak create tables: grant all on schema public/,
    )
  })

  test('nobody listens there', async (t) => {
    const { url } = await newDatabase(t)
    const port = String(await freePort())
    const nobody = changed(url, (to) => (to.port = port))
    await assertRefused(nobody, /BERTH_DATABASE_URL.*ECONNREFUSED/, /Check that PostgreSQL runs there/)
  })

  test('a server that takes the connection and says nothing', async (t) => {
    const { url } = await newDatabase(t)
    const proxy = await startFaultProxy(Number(new URL(url).port))
    t.after(() => proxy.close())
    proxy.stall()
    const silent = changed(url, (to) => (to.port = String(proxy.port)))
    await assertRefused(silent, /BERTH_DATABASE_URL.*no answer/, /nothing stands between/)
  })

  test('an encoding that is not UTF8', async (t) => {
    const server = await sharedPostgres()
    const admin = openPeek(server.url)
    t.after(() => admin.close())
    // No transaction: a database can not be made in one.
    await admin.rows(`CREATE DATABASE berth_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`)
    t.after(() => server.dropDatabase(changed(server.url, (to) => (to.pathname = '/berth_latin'))))
    const latin = changed(server.url, (to) => (to.pathname = '/berth_latin'))
    await assertRefused(latin, /^BERTH_DATABASE_URL names a PostgreSQL of .* encoding LATIN1/, /encoding UTF8/)
  })

  test('a version that is too old', async (t) => {
    const { url } = await newDatabase(t)
    await assertRefused(
      await olderServer(t, url),
      /^BERTH_DATABASE_URL names a PostgreSQL of version 120022/,
      /PostgreSQL 13 or newer/,
    )
  })

  test('data of a newer Berth', async (t) => {
    const { url, peek, node } = await newDatabase(t)
    await (await node()).close()
    await peek.run("UPDATE meta SET value = '999' WHERE key IN ('schema_version', 'schema_oldest_reader')")
    await assertRefused(url, /written by a newer Berth: its schema is version 999/, /Start the newer Berth again/)
    await peek.run(`UPDATE meta SET value = '${schemaVersion}' WHERE key IN ('schema_version', 'schema_oldest_reader')`)
    await (await node()).close()
  })

  test('many nodes start at once on an empty database: all of them serve', async (t) => {
    const { node, peek } = await newDatabase(t)
    await Promise.all(Array.from({ length: 6 }, () => node({ connections: 2 })))
    assert.deepEqual(await peek.rows("SELECT value FROM meta WHERE key = 'schema_version'"), [
      { value: String(schemaVersion) },
    ])
  })

  test('what was refused leaves no connection behind', async (t) => {
    const { url, peek, node } = await newDatabase(t)
    await (await node()).close()
    await peek.run("UPDATE meta SET value = '999' WHERE key IN ('schema_version', 'schema_oldest_reader')")
    for (let n = 0; n < 3; n++) await assert.rejects(openPostgresNode(url))
    const open = await peek.rows(`SELECT count(*) AS n FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'berth' AND state IS NOT NULL`)
    assert.deepEqual(open, [{ n: 0 }])
  })
})
