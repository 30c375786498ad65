import { type Infer, list, string, structure, timestamp } from '../shapes/shape.ts'
import { RegistryId } from './names.ts'

export const AuthorizationData = structure({
  authorizationToken: string({ pattern: '^\\S+$' }),
  expiresAt: timestamp(),
  proxyEndpoint: string(),
})
export type AuthorizationData = Infer<typeof AuthorizationData>

export const GetAuthorizationTokenRequest = structure({ registryIds: list(RegistryId, { min: 1, max: 10 }) })
export type GetAuthorizationTokenRequest = Infer<typeof GetAuthorizationTokenRequest>

export const GetAuthorizationTokenResponse = structure({ authorizationData: list(AuthorizationData) })
export type GetAuthorizationTokenResponse = Infer<typeof GetAuthorizationTokenResponse>
