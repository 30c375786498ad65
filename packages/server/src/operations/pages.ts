// Page tokens of the API: sealed, and bound to the registry, the operation and the list they came from, so that one of another
// account, repository or filter is refused (ECR API, 1.6).

import { RegistryError } from '../base/errors.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { Services } from './services.ts'

export const defaultPageSize = 100

export interface PageInput {
  nextToken?: string
  maxResults?: number
}

/** Where the page before ended, or undefined for the first. @throws RegistryError InvalidParameter */
export function openPage<T>(services: Services, ctx: RequestContext, list: string, input: PageInput): T | undefined {
  if (input.nextToken === undefined) return undefined
  const position = services.pageTokens.open(input.nextToken, boundTo(ctx, list))
  if (position === undefined)
    throw new RegistryError({ code: 'InvalidParameter', member: 'nextToken', constraint: 'Invalid next token' })
  return position as T
}

export function nextPage(
  services: Services,
  ctx: RequestContext,
  list: string,
  position: unknown,
): { nextToken?: string } {
  return position === undefined ? {} : { nextToken: services.pageTokens.seal(position, boundTo(ctx, list)) }
}

function boundTo(ctx: RequestContext, list: string): string {
  return `${ctx.registry.accountId}/${ctx.registry.region}/${list}`
}

/** Page members and an explicit list of ids exclude each other. @throws RegistryError InvalidParameter */
export function refusePageWithIds(input: PageInput, ids: readonly unknown[] | undefined, member: string): void {
  if (ids === undefined) return
  for (const name of ['nextToken', 'maxResults'] as const) {
    if (input[name] === undefined) continue
    throw new RegistryError({
      code: 'InvalidParameter',
      member: name,
      constraint: `${name} cannot be used together with ${member}`,
    })
  }
}
