// Resource and NotResource: ARNs with wildcards, or a lone `*` (IAM JSON policy elements: Resource).

import type { ParseContext } from './parse-context.ts'
import { parsePattern } from './pattern.ts'
import type { PatternList } from './policy-document.ts'

export function checkResources(resources: PatternList | undefined, at: string, context: ParseContext): void {
  const { faults, kind } = context
  if (kind === 'trust' || kind === 'repository') {
    // The resource is the one that the policy belongs to.
    if (resources) faults.report('trust-resource', at, `a ${kind} policy has no resources`)
    return
  }
  if (!resources || resources.patterns.length === 0) {
    faults.report('no-resources', at, 'no Resource and no NotResource')
    return
  }
  for (const [i, resource] of resources.patterns.entries()) {
    checkResource(resource, `${at}.${resources.negated ? 'NotResource' : 'Resource'}[${i}]`, context)
  }
}

function checkResource(resource: string, at: string, { faults, variables }: ParseContext): void {
  if (resource === '*') return
  const parts = parsePattern(resource, { variables, wildcards: false })
  // A variable has colons in its name that are none of the ARN's.
  const text = parts?.map((part) => (part.kind === 'literal' ? part.text : 'x')).join('') ?? ''
  const [scheme, partition, vendor, ...rest] = text.split(':')
  if (!parts) faults.report('syntax', at, 'not a policy variable')
  else if (scheme !== 'arn' || partition === undefined)
    faults.report('resource-form', at, 'neither an ARN nor *', resource)
  else if (!/^(?:aws(?:-[a-z]+)*|\*)$/.test(partition))
    faults.report('resource-partition', at, 'unknown partition', resource)
  else if (vendor === undefined || !/^[\w.-]*$/.test(vendor))
    faults.report('resource-vendor', at, 'the service of an ARN takes no wildcards')
  else if (vendor === '' || rest.length === 0) faults.report('legacy', at, 'not a whole ARN')
}
