// A policy of a repository or a registry on its way into its row and out of it: parsed and bound to unique ids when it is set, and shown
// with the ARNs that its principals have now (ECR SetRepositoryPolicy, PutRegistryPolicy).

import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import type { StoredPolicy } from '../../storage/metadata/tables/resource-policies.ts'
import { bindToIds, shownTexts } from './bound-principals.ts'
import { parsePolicy } from './parse-policy.ts'
import { type PolicyFault, unknownPrincipalFault } from './policy-faults.ts'
import { idsText } from './principal-names.ts'

type ResourceKind = 'repository' | 'registry'

/** The row of a text. @throws RegistryError InvalidParameter, with ECR's one sentence for most mistakes */
export async function bindPolicy(db: Db, ctx: RequestContext, text: string, kind: ResourceKind): Promise<StoredPolicy> {
  const parsed = parsePolicy(text, kind)
  if (!parsed.ok) return refuse(ctx, parsed.fault)
  const bound = await bindToIds(db, parsed.document, kind)
  const [unknown] = bound.unknown
  if (unknown !== undefined) return refuse(ctx, unknownPrincipalFault(kind, unknown))
  return { document: text, principal_ids: idsText(bound.ids) }
}

/** ECR does not say what is wrong; the log does. */
function refuse({ log, requestId }: RequestContext, { at, reason, sentence }: PolicyFault): never {
  log.info({ requestId, at, reason: reason.slice(0, 200) }, 'a policy was refused')
  throw new RegistryError({ code: 'InvalidParameter', member: 'PolicyText', constraint: sentence })
}

/** The text as it was set, unless somebody whom it names has another ARN now, or is gone. */
export async function shownText(db: Db, policy: StoredPolicy, kind: ResourceKind): Promise<string> {
  const [text = policy.document] = await shownTexts(db, [policy], kind)
  return text
}
