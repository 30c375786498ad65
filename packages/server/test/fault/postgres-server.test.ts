// What the accidents of the tests' own PostgreSQL do: a judge that stops a server which goes on would prove nothing.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import postgres from 'postgres'
import { startPostgres, untilAnswering, whyNoPostgres } from '../support/postgres-server.ts'

describe('the PostgreSQL of the tests', { skip: whyNoPostgres() ?? false }, () => {
  it('keeps what was committed through a restart, and answers nothing while it is stopped or frozen', async () => {
    const server = await startPostgres()
    try {
      const url = await server.createDatabase()
      const ask = async () => {
        const sql = postgres(url, { max: 1, connect_timeout: 1 })
        const late = new Promise<'late'>((resolve) => setTimeout(resolve, 1500, 'late'))
        try {
          const asked = sql`select count(*)::int as n from kept`.then(([row]) => row?.n as unknown)
          asked.catch(() => undefined)
          return await Promise.race([asked, late])
        } finally {
          await sql.end({ timeout: 0 })
        }
      }
      const sql = postgres(url, { max: 1 })
      await sql`create table kept (n integer)`
      await sql`insert into kept values (1)`
      await sql.end()
      for (const mode of ['fast', 'immediate'] as const) {
        await server.restart(mode)
        assert.equal(await ask(), 1, mode)
      }
      await server.stop('fast')
      await assert.rejects(ask(), /ECONNREFUSED/)
      await server.start()
      await untilAnswering(url)
      server.freeze()
      assert.equal(await ask().catch(() => 'late'), 'late', 'frozen')
      server.thaw()
      assert.equal(await ask(), 1)
      await server.dropDatabase(url)
      await assert.rejects(ask(), /does not exist/)
    } finally {
      await server.close()
    }
  })
})
