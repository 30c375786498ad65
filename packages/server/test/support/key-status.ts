// Switches an access key from inside of a registry, whoever owns it: what IAM UpdateAccessKey does, without a caller who would need a key.

import { accountOfAccessKey } from '../../src/base/ids.ts'
import type { Registry } from '../../src/registry.ts'

export async function setKeyStatus(
  { accessKeys }: Registry,
  accessKeyId: string,
  status: 'Active' | 'Inactive',
): Promise<void> {
  const accountId = accountOfAccessKey(accessKeyId)
  if (!accountId) throw new Error(`${accessKeyId} tells no account`)
  const { ownerId } = await accessKeys.find(accountId, accessKeyId)
  await accessKeys.setStatus(accountId, ownerId, accessKeyId, status)
}
