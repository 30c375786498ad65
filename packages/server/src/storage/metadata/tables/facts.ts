// Facts of the installation: its id, where its blobs are, the sealed canary of its master key.

import type { Transaction } from '../metadata-store.ts'
import type { Db } from '../schema.ts'

export const factsTable = {
  async fact(db: Db, key: string): Promise<string | undefined> {
    return (await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value
  },

  async setFact(tx: Transaction, key: string, value: string): Promise<void> {
    await tx.db
      .insertInto('meta')
      .values({ key, value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute()
  },
}
