// Who makes a request: a user of an account, known by the access key that signed it or that the docker token was made from.

import type { AccountId } from '@berth/api/names/registry.ts'

export interface Principal {
  accountId: AccountId
  userId: string
  arn: string
  accessKeyId: string
  /** Until policies decide (IAM has an issue of its own) the first administrator may do everything in its account. */
  isAdministrator: boolean
}
