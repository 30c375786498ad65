// Condition blocks: operator, key, values (IAM JSON policy elements: Condition).

import { isReadable, parseOperator, takesVariables } from './condition-operators.ts'
import { isObject, type ParseContext } from './parse-context.ts'
import { hasVariables, literalText, parsePattern } from './pattern.ts'
import type { ConditionEntry, Effect } from './policy-document.ts'

export function parseConditions(value: unknown, effect: Effect, at: string, context: ParseContext): ConditionEntry[] {
  const { faults } = context
  if (value === undefined) return []
  if (!isObject(value)) {
    faults.report('syntax', at, 'not an object')
    return []
  }
  return Object.entries(value).flatMap(([operator, block]) => {
    const inside = `${at}.${operator}`
    if (!isObject(block)) {
      faults.report('syntax', inside, 'not an object')
      return []
    }
    const parsed = parseOperator(operator)
    if (!parsed) {
      faults.report('syntax', inside, 'unknown condition operator')
      return []
    }
    if (parsed.quantifier === 'all' && effect === 'Allow')
      context.warnings.push({ at: inside, text: 'ForAllValues is also true where the key is absent.' })
    return Object.entries(block).map(([key, values]): ConditionEntry => {
      checkKey(key, `${inside}.${key}`, context)
      const list = valuesOf(values, `${inside}.${key}`, context)
      for (const each of list) checkValue(parsed.family, each, `${inside}.${key}`, context)
      return { operator, key, values: list }
    })
  })
}

/** The port of an identity provider, which is part of its name. */
const port = /^([A-Za-z0-9.-]+):\d{1,5}(?=[/:])/

/** The name of a tag may have colons; it stands behind the first slash. So may the path of an identity provider, before the colon. */
function checkKey(given: string, at: string, { faults }: ParseContext): void {
  const key = given.replace(port, '$1')
  const colon = key.indexOf(':')
  const slash = key.indexOf('/', colon)
  const name = slash < 0 ? key.slice(colon + 1) : key.slice(colon + 1, slash)
  if (colon < 1) faults.report('no-vendor', at, 'a condition key without a service')
  else if (name.includes(':')) faults.report('colons', at, 'more than one colon')
  else if (name === '') faults.report('syntax', at, 'a condition key without a name')
}

function valuesOf(value: unknown, at: string, { faults }: ParseContext): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((each) => {
    if (typeof each === 'string') return [each]
    if (typeof each === 'number' || typeof each === 'boolean') return [String(each)]
    faults.report('syntax', at, 'neither a string nor a number nor a boolean')
    return []
  })
}

function checkValue(
  family: Parameters<typeof isReadable>[0],
  value: string,
  at: string,
  { faults, variables }: ParseContext,
): void {
  const parts = parsePattern(value, { variables: variables && takesVariables(family), wildcards: false })
  if (!parts) faults.report('syntax', at, 'not a policy variable')
  else if (!hasVariables(parts) && !isReadable(family, literalText(parts)))
    // IAM reads dates in a later pass than the rest.
    faults.report(family === 'date' ? 'legacy' : 'syntax', at, `a value that ${family} operators cannot read`)
}
