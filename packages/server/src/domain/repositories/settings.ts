// Rules of a repository's settings: exclusion filters of tag mutability and resource tags (ECR API, 3.2.4 and 3.16).

import { RegistryError } from '../../base/errors.ts'
import type { ImageTagMutability } from '../../storage/metadata/schema.ts'

export interface ResourceTag {
  key: string
  value: string
}

export const maxResourceTags = 50
const maxWildcards = 2

/**
 * The filters as the row keeps them: JSON, or null in the modes without exclusions.
 * @throws RegistryError InvalidParameter when the mode needs filters and has none, or has none to need and gets some
 */
export function checkExclusionFilters(
  mutability: ImageTagMutability,
  filters: readonly string[] | undefined,
): string | null {
  const member = 'imageTagMutabilityExclusionFilters'
  const refuse = (constraint: string): never => {
    throw new RegistryError({ code: 'InvalidParameter', member, constraint })
  }
  if (mutability === 'MUTABLE' || mutability === 'IMMUTABLE') {
    if (filters !== undefined && filters.length > 0) {
      refuse(`ImageTagMutabilityExclusionFilters can't be set when imageTagMutability is set as ${mutability}`)
    }
    return null
  }
  if (filters === undefined || filters.length === 0) {
    return refuse(`ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as ${mutability}`)
  }
  for (const filter of filters) {
    if (filter.split('*').length - 1 > maxWildcards) {
      refuse(`ImageTagMutabilityExclusionFilters can't have more than ${maxWildcards} wildcards (*) in a filter`)
    }
  }
  return JSON.stringify(filters)
}

/** @throws RegistryError InvalidTagParameter */
export function checkResourceTags(tags: readonly ResourceTag[]): void {
  const keys = new Set<string>()
  for (const { key, value } of tags) {
    const isText = !`${key}${value}`.includes('\0')
    const isLegal =
      key.length >= 1 && key.length <= 128 && value.length <= 256 && isText && !/^aws:/i.test(key) && !keys.has(key)
    if (!isLegal) throw new RegistryError({ code: 'InvalidTagParameter', message: 'Tag parameters are invalid' })
    keys.add(key)
  }
}

/** Whether a tag that points somewhere may be pointed elsewhere (ECR PutImageTagMutability). */
export function isTagImmutable(mutability: ImageTagMutability, filters: readonly string[], tag: string): boolean {
  if (mutability === 'MUTABLE') return false
  if (mutability === 'IMMUTABLE') return true
  const isExcluded = filters.some((filter) => matchesWildcard(filter, tag))
  return mutability === 'IMMUTABLE_WITH_EXCLUSION' ? !isExcluded : isExcluded
}

/** `*` stands for any characters, none included; the pattern covers the whole text. Linear: the parts between stars are found in order. */
export function matchesWildcard(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
  let position = first.length
  for (const part of rest) {
    const found = text.indexOf(part, position)
    if (found < 0) return false
    position = found + part.length
  }
  return position <= text.length - last.length
}
