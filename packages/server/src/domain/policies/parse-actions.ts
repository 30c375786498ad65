// Action and NotAction: `vendor:Name` with wildcards, or a lone `*` (IAM JSON policy elements: Action).

import { compileFixed } from './glob.ts'
import { ecrActions } from './known-actions.ts'
import type { ParseContext } from './parse-context.ts'
import { parsePattern } from './pattern.ts'
import type { PatternList } from './policy-document.ts'

/** What a trust policy may speak of (IAM, "Trust policies"; the last two come with tags and source identities of a session). */
const trustActions = [
  'sts:assumerole',
  'sts:assumerolewithsaml',
  'sts:assumerolewithwebidentity',
  'sts:tagsession',
  'sts:setsourceidentity',
]

const lowerEcrActions = ecrActions.map((action) => action.toLowerCase())

export function checkActions(actions: PatternList | undefined, at: string, context: ParseContext): void {
  const { faults, kind } = context
  if (!actions || actions.patterns.length === 0) {
    faults.report('no-actions', at, 'no Action and no NotAction')
    return
  }
  if (kind === 'trust' && actions.negated) faults.report('trust-action', at, 'NotAction in a trust policy')
  for (const [i, action] of actions.patterns.entries()) {
    checkAction(action, `${at}.${actions.negated ? 'NotAction' : 'Action'}[${i}]`, context)
  }
}

function checkAction(action: string, at: string, { kind, faults }: ParseContext): void {
  const [vendor = '', name, ...more] = action.split(':')
  if (action !== '*') {
    if (name === undefined) faults.report('no-vendor', at, 'no colon')
    else if (more.length > 0) faults.report('colons', at, 'more than one colon')
    else if (!/^[\w*?.-]+$/.test(vendor) || vendor.includes('_'))
      faults.report('vendor', at, 'not the name of a service', vendor)
    else if (!/^[\w*?-]+$/.test(name)) faults.report('syntax', at, 'not the name of an action')
  }
  const lower = action.toLowerCase()
  if (kind === 'trust' && !trustActions.includes(lower)) faults.report('trust-action', at, 'not an action of a role')
  if ((kind === 'repository' || kind === 'registry') && !isEcrAction(lower))
    faults.report('syntax', at, 'not an action of ECR')
}

function isEcrAction(lower: string): boolean {
  if (!/[*?]/.test(lower)) return lowerEcrActions.includes(lower)
  if (lower !== '*' && !lower.startsWith('ecr:')) return false
  const parts = parsePattern(lower, { variables: false, wildcards: true })
  return parts !== undefined && lowerEcrActions.some(compileFixed(parts))
}
