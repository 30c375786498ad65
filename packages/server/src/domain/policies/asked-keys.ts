// The condition keys that a policy asks for: in its conditions, and as variables (IAM GetContextKeysForCustomPolicy).

import { hasPolicyVariables, type PolicyDocument } from './policy-document.ts'

/** As they are written. Of those that differ only by case the first is kept. */
export function askedKeys(document: PolicyDocument): string[] {
  const variables = hasPolicyVariables(document) ? variablesIn : () => []
  return uniqueKeys(
    document.statements.flatMap(({ resources, conditions }) => [
      ...(resources?.patterns ?? []).flatMap(variables),
      ...conditions.flatMap(({ key, values }) => [key, ...values.flatMap(variables)]),
    ]),
  )
}

/** Names of keys are the same when they differ only by case. */
export function uniqueKeys(keys: readonly string[]): string[] {
  return [...new Map(keys.toReversed().map((key) => [key.toLowerCase(), key])).values()].reverse()
}

/** The keys of `${key}` and `${key, 'default'}`; `${*}`, `${?}` and `${$}` are characters. */
function variablesIn(text: string): string[] {
  return text
    .split('${')
    .slice(1)
    .map((rest) => (rest.split('}')[0] ?? '').split(',')[0]?.trim() ?? '')
    .filter((key) => !['', '*', '?', '$'].includes(key))
}
