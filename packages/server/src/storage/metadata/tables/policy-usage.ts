// How many users, groups and roles of an account managed policies are attached to, and how many they are the boundary of.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Db } from '../schema.ts'

export interface PolicyUsage {
  attachments: number
  boundaries: number
}

export const policyUsageTable = {
  /** By ARN, of all policies that are used at all. */
  async ofAccount(db: Db, accountId: AccountId): Promise<Map<string, PolicyUsage>> {
    const attached = await db
      .selectFrom('policy_attachments as a')
      .innerJoin('entities as e', 'e.entity_id', 'a.entity_id')
      .select(['a.policy_arn as arn', (eb) => eb.fn.countAll<number>().as('count')])
      .where('e.account_id', '=', accountId)
      .groupBy('a.policy_arn')
      .execute()
    const bounding = await db
      .selectFrom('entities')
      .select(['boundary_arn as arn', (eb) => eb.fn.countAll<number>().as('count')])
      .where('account_id', '=', accountId)
      .where('boundary_arn', 'is not', null)
      .groupBy('boundary_arn')
      .execute()
    const usage = new Map<string, PolicyUsage>()
    for (const { arn, count } of attached) usage.set(arn, { attachments: Number(count), boundaries: 0 })
    for (const { arn, count } of bounding) {
      if (arn !== null) usage.set(arn, { attachments: usage.get(arn)?.attachments ?? 0, boundaries: Number(count) })
    }
    return usage
  },
}
