// All policies that speak with one voice, such as those of a user and his groups, found by action and resource: a request looks only
// at statements that may be about it. The lists are made when they are first asked for and kept with the bundle. They say nothing of
// conditions, principals and variables, which are looked at each time.

import { type CompiledPolicy, type CompiledStatement, placeOfAction } from './compile-policy.ts'
import { emptyContext } from './context.ts'

export interface StatementList {
  denies: readonly CompiledStatement[]
  allows: readonly CompiledStatement[]
}

export interface PolicyBundle {
  policies: readonly CompiledPolicy[]
  /** The first policy that cannot be evaluated. */
  broken: CompiledPolicy | undefined
  /** The statements that may be about this, in the order of the policies. */
  about(action: string, resource: string): StatementList
}

/** Names of known actions come in a few spellings; a caller pulls from a few repositories at a time. */
const maxActions = 1024
const maxResources = 64
/** So few statements are asked as fast as they are looked up. */
const fewStatements = 4

interface ActionEntry {
  list: StatementList
  byResource: Map<string, StatementList>
}

export function compileBundle(policies: readonly CompiledPolicy[]): PolicyBundle {
  const statements = policies.flatMap((policy) => policy.statements)
  const byAction = new Map<string, ActionEntry>()

  function entryOf(action: string): ActionEntry {
    const known = byAction.get(action)
    if (known) return known
    const lower = action.toLowerCase()
    const place = placeOfAction(lower)
    const list = split(
      statements.filter(({ actions }) => (place === undefined ? actions.has(lower) : actions.hasKnown(place))),
    )
    const entry = { list, byResource: new Map<string, StatementList>() }
    if (place !== undefined && byAction.size < maxActions) byAction.set(action, entry)
    return entry
  }

  function about(action: string, resource: string): StatementList {
    const { list, byResource } = entryOf(action)
    if (list.denies.length + list.allows.length <= fewStatements) return list
    const known = byResource.get(resource)
    if (known) return known
    const mayMatch = ({ hasFixedResources, matchesResource }: CompiledStatement) =>
      !hasFixedResources || !matchesResource || matchesResource(resource, emptyContext)
    const matching = { denies: list.denies.filter(mayMatch), allows: list.allows.filter(mayMatch) }
    // All of them at once: to keep the newest only would cost more than it saves.
    if (byResource.size >= maxResources) byResource.clear()
    byResource.set(resource, matching)
    return matching
  }

  return { policies, broken: policies.find(({ broken }) => broken !== undefined), about }
}

function split(statements: readonly CompiledStatement[]): StatementList {
  return {
    denies: statements.filter(({ effect }) => effect === 'Deny'),
    allows: statements.filter(({ effect }) => effect === 'Allow'),
  }
}

export const emptyBundle: PolicyBundle = compileBundle([])
