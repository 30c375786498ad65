// All policies that speak with one voice, such as those of a user and his groups, found by action: a request looks only at statements
// that are about its action. The lists are made when an action is first asked for and kept as long as the bundle.

import { type CompiledPolicy, type CompiledStatement, placeOfAction } from './compile-policy.ts'

export interface ActionStatements {
  denies: readonly CompiledStatement[]
  allows: readonly CompiledStatement[]
}

export interface PolicyBundle {
  policies: readonly CompiledPolicy[]
  /** The first policy that cannot be evaluated. */
  broken: CompiledPolicy | undefined
  /** The statements about an action, in the order of the policies. */
  about(action: string): ActionStatements
}

export function compileBundle(policies: readonly CompiledPolicy[]): PolicyBundle {
  const statements = policies.flatMap((policy) => policy.statements)
  /** By the action as it is asked for. Bounded: only known actions are kept, and those of a program are few. */
  const lists = new Map<string, ActionStatements>()

  function about(action: string): ActionStatements {
    const known = lists.get(action)
    if (known) return known
    const lower = action.toLowerCase()
    const place = placeOfAction(lower)
    const matching = statements.filter(({ actions }) =>
      place === undefined ? actions.has(lower) : actions.hasKnown(place),
    )
    const list = {
      denies: matching.filter(({ effect }) => effect === 'Deny'),
      allows: matching.filter(({ effect }) => effect === 'Allow'),
    }
    if (place !== undefined && lists.size < maxLists) lists.set(action, list)
    return list
  }

  return { policies, broken: policies.find(({ broken }) => broken !== undefined), about }
}

const maxLists = 1024

export const emptyBundle: PolicyBundle = compileBundle([])
