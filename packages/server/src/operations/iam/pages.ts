// Pages of IAM's lists: `Marker` and `MaxItems`. Markers are sealed, and bound to the account and the list they came from.

import { hash } from 'node:crypto'
import { IdentityError } from '../../base/identity-error.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { Services } from '../services.ts'

const defaultPageSize = 100

interface PageInput {
  Marker?: string
  MaxItems?: number
}

/** Where the page before ended, and how long this one may be. @throws IdentityError ValidationError */
export function openMarker(
  services: Services,
  ctx: RequestContext,
  list: string,
  { Marker, MaxItems = defaultPageSize }: PageInput,
): { after?: string; limit: number } {
  if (Marker === undefined) return { limit: MaxItems }
  const after = services.pageTokens.open(Marker, boundTo(ctx, list))
  if (typeof after !== 'string') throw new IdentityError('ValidationError', 'Invalid Marker.')
  return { after, limit: MaxItems }
}

/** The members that say whether there is more. */
export function nextMarker(
  services: Services,
  ctx: RequestContext,
  list: string,
  next: string | undefined,
): { IsTruncated: boolean; Marker?: string } {
  return next === undefined
    ? { IsTruncated: false }
    : { IsTruncated: true, Marker: services.pageTokens.seal(next, boundTo(ctx, list)) }
}

/**
 * A page of a list that is short enough to be read whole. `key` tells one item from another; where the last of the page before is gone, the
 * page goes on at its place.
 */
export function pageOf<T>(
  items: readonly T[],
  key: (item: T) => string,
  { after, limit }: { after?: string; limit: number },
): { page: T[]; next: string | undefined } {
  // A Marker has 320 characters at most, and an ARN or the key of a tag may have more.
  const told = (item: T) => hash('sha256', key(item), 'base64url')
  const [, place = '0', lastTold] = /^(\d+) (.+)$/.exec(after ?? '') ?? []
  const found = after === undefined ? -1 : items.findIndex((item) => told(item) === lastTold)
  const start = found < 0 ? Number(place) : found + 1
  const page = items.slice(start, start + limit)
  const [last, end] = [page.at(-1), start + limit]
  return { page, next: items.length > end && last !== undefined ? `${end - 1} ${told(last)}` : undefined }
}

/** The same of what is ordered by lower-case names: it goes on after a name that is gone, too. */
export function pageOfNames<T extends { name: string }>(
  items: readonly T[],
  { after, limit }: { after?: string; limit: number },
): { page: T[]; next: string | undefined } {
  const last = after?.toLowerCase()
  const rest = last === undefined ? items : items.filter(({ name }) => name.toLowerCase() > last)
  const page = rest.slice(0, limit)
  return { page, next: rest.length > limit ? page.at(-1)?.name : undefined }
}

function boundTo({ registry, principal }: RequestContext, list: string): string {
  return `iam/${registry.accountId}/${principal.accountId}/${list}`
}
