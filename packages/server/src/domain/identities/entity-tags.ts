// Tags of users, roles, managed policies and identity providers (IAM, "Tags for IAM resources"). Keys are the same when they differ only by
// case; the case that was written last is kept.

import { IdentityError } from '../../base/identity-error.ts'
import type { Tag } from '../../base/principal.ts'

/** IAM quota "Tags that can be attached to an IAM resource". */
const maxTags = 50

const sameKey = (key: string) => key.toLowerCase()

/** Tags that one request brings. @throws IdentityError InvalidInput */
export function checkTags(tags: readonly Tag[]): void {
  if (new Set(tags.map(({ key }) => sameKey(key))).size < tags.length)
    throw new IdentityError('InvalidInput', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  checkTagKeys(tags.map(({ key }) => key))
}

/** Keys that a request sets or removes. @throws IdentityError InvalidInput */
export function checkTagKeys(keys: readonly string[]): void {
  if (keys.some((key) => sameKey(key).startsWith('aws:')))
    throw new IdentityError('InvalidInput', 'aws: prefixed tag key names are not allowed for external use.')
}

/** What an entity has after TagUser and its kin. @throws IdentityError InvalidInput, LimitExceeded */
export function withTags(present: readonly Tag[], added: readonly Tag[]): Tag[] {
  checkTags(added)
  const all = new Map([...present, ...added].map((tag) => [sameKey(tag.key), tag]))
  if (all.size > maxTags) throw new IdentityError('LimitExceeded', 'The number of tags has reached the maximum limit.')
  return [...all.values()]
}

/** What an entity has after UntagUser and its kin; keys that it has not are passed over. @throws IdentityError InvalidInput */
export function withoutTags(present: readonly Tag[], keys: readonly string[]): Tag[] {
  checkTagKeys(keys)
  const removed = new Set(keys.map(sameKey))
  return present.filter(({ key }) => !removed.has(sameKey(key)))
}
