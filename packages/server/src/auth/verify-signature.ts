// Whose signature it is: the second half of every AWS call, once its body has been read and hashed. One for all services, so that a key is
// looked up, a session token is opened and signing keys are kept in one place.

import { parseRegion, type Region } from '@berth/api/names/registry.ts'
import type { Clock } from '../base/clock.ts'
import type { Principal } from '../base/principal.ts'
import type { AccessKeys } from '../domain/identities/access-keys.ts'
import type { AccessKey, Identities } from '../domain/identities/identities.ts'
import type { SessionTokens } from './session-token.ts'
import {
  checkSignature,
  type ParsedSignature,
  type ScopeRules,
  SignatureError,
  type SignedRequest,
} from './signature.ts'
import { deriveSigningKey, SigningKeyCache } from './signing-keys.ts'

export type SignedService = 'ecr' | 'iam' | 'sts'

/** ECR's answers say `15 min.`, those of IAM and STS `5 min.` */
const skewSeconds: Record<SignedService, number> = { ecr: 15 * 60, iam: 5 * 60, sts: 5 * 60 }

/** IAM and STS are global, and clients without a region of their own sign for this one. */
const globalRegion = 'us-east-1'

export interface SignatureVerifier {
  rules(service: SignedService): ScopeRules
  /** @throws SignatureError unless an active key signed this request and body; RegistryError Unavailable */
  verify(
    signature: ParsedSignature,
    request: SignedRequest,
    bodySha256Hex: string,
    service: SignedService,
  ): Promise<Principal>
}

export function createSignatureVerifier(parts: {
  identities: Identities
  accessKeys: Pick<AccessKeys, 'noteUse'>
  sessionTokens: SessionTokens
  clock: Clock
  isServed: (region: Region) => boolean
}): SignatureVerifier {
  const { identities, accessKeys, sessionTokens, clock, isServed } = parts
  const signingKeys = new SigningKeyCache()
  const rulesOf = (service: SignedService): ScopeRules => ({
    service,
    skewSeconds: skewSeconds[service],
    regionIsServed(text) {
      const region = parseRegion(text)
      return region !== undefined && (isServed(region) || (service !== 'ecr' && region === globalRegion))
    },
  })
  const rules = { ecr: rulesOf('ecr'), iam: rulesOf('iam'), sts: rulesOf('sts') }

  /** The key and its secret: a long-term key comes without a session token, a temporary one with its own. */
  async function usable({ accessKeyId, sessionToken }: ParsedSignature) {
    const isTemporary = accessKeyId.startsWith('ASIA')
    if (isTemporary !== (sessionToken !== undefined)) return undefined
    const tokenSecret = sessionToken === undefined ? undefined : sessionTokens.open(sessionToken, accessKeyId)
    if (isTemporary && tokenSecret === undefined) return undefined
    const accessKey = await identities.findAccessKey(accessKeyId)
    return accessKey && { accessKey, secret: () => tokenSecret ?? accessKey.secret() }
  }

  function signingKeyOf({ principal }: AccessKey, secret: () => string, signature: ParsedSignature) {
    const { accessKeyId, date, region, service } = signature
    const name = { accessKeyId, secretVersion: principal.accessKeyVersion, date, region, service }
    const known = signingKeys.get(name)
    const signingKey = known ?? deriveSigningKey(secret(), date, region, service)
    return { signingKey, isDerived: known === undefined, keep: () => signingKeys.put(name, signingKey) }
  }

  const nobodysToken = sessionTokens.seal('', '')
  /** What it costs to open a secret and to derive a signing key from it. */
  function workInVain({ date, region, service }: ParsedSignature): void {
    deriveSigningKey(sessionTokens.open(nobodysToken, '') ?? '', date, region, service)
  }

  return {
    rules: (service) => rules[service],
    async verify(signature, request, bodySha256Hex, service) {
      const found = await usable(signature)
      const key = found && signingKeyOf(found.accessKey, found.secret, signature)
      const now = clock.now()
      try {
        checkSignature(signature, request, bodySha256Hex, { signingKey: key?.signingKey, now, rules: rules[service] })
      } catch (refusal) {
        // All refusals cost the same, so that time does not tell which ids exist, nor which were used today.
        if (!key?.isDerived) workInVain(signature)
        throw refusal
      }
      if (!found || !key) throw new SignatureError('InvalidClientToken')
      key.keep()
      accessKeys.noteUse(signature.accessKeyId, service, signature.region)
      const { principal } = found.accessKey
      if (principal.session && principal.session.expiresAt <= now) throw new SignatureError('ExpiredToken')
      return principal
    },
  }
}
