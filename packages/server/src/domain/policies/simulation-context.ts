// What a simulated request says: what is known of its caller and its resource, and what the simulation is told. What only a real request
// would say is left open, and noted when a condition asks for it (IAM SimulatePrincipalPolicy, `MissingContextValues`).

import { IdentityError } from '../../base/identity-error.ts'
import type { ContextKeys, ContextValue } from './context.ts'

export interface ContextEntry {
  key: string
  values: readonly string[]
  isList: boolean
}

/** What the address, the connection and the client of a request tell. */
const ofRequests = [
  ...['aws:sourceip', 'aws:vpcsourceip', 'aws:sourcevpc', 'aws:sourcevpce', 'aws:securetransport'],
  ...['aws:useragent', 'aws:referer'],
]

/** Keys that a request of this caller has or has not, whatever else it says. */
const ofCallers = /^aws:(?:principal|username$|userid$|viaawsservice$)/
const ofResources = /^(?:aws|ecr|iam):resourcetag\//

/** By keys in lower case. @throws IdentityError InvalidInput for a key that is given twice */
export function readEntries(entries: readonly ContextEntry[]): ReadonlyMap<string, ContextValue> {
  const values = new Map<string, ContextValue>()
  for (const { key, values: given, isList } of entries) {
    if (values.has(key.toLowerCase()))
      throw new IdentityError('InvalidInput', `The context key ${key} is given more than once.`)
    const [only] = given
    values.set(key.toLowerCase(), !isList && given.length === 1 && only !== undefined ? only : given)
  }
  return values
}

export interface SimulatedContext extends ContextKeys {
  /** Keys that were asked for and that nobody gave, in lower case. */
  readonly missing: ReadonlySet<string>
}

export function simulatedContext(
  given: ReadonlyMap<string, ContextValue>,
  known: ContextKeys,
  options: { isCallerKnown: boolean; isResourceKnown: boolean },
): SimulatedContext {
  const missing = new Set<string>()
  return {
    missing,
    get(key) {
      const value = given.get(key)
      if (value !== undefined) return value
      const isOpen = ofRequests.includes(key) || (!options.isCallerKnown && ofCallers.test(key))
      const found = isOpen ? undefined : known.get(key)
      const isSettled = !isOpen && (ofCallers.test(key) || (options.isResourceKnown && ofResources.test(key)))
      if (found === undefined && !isSettled) missing.add(key)
      return found
    },
  }
}
