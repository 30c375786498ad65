import { GetAuthorizationTokenRequest, type GetAuthorizationTokenResponse } from '@berth/api/ecr/authorization.ts'
import type { AccountId } from '@berth/api/names/registry.ts'
import { onAnything, operation } from '../operation.ts'
import { timestamp } from './present.ts'

/** One token, which speaks for the caller everywhere in the region; one entry for each registry that is named (ECR API, 3.1). */
export const getAuthorizationToken = operation({
  name: 'GetAuthorizationToken',
  input: GetAuthorizationTokenRequest,
  permissions: onAnything('GetAuthorizationToken'),
  async run(input, ctx, { tokens, addresses }): Promise<GetAuthorizationTokenResponse> {
    const { password, expiresAt } = tokens.issue(ctx.principal, ctx.registry.region)
    const registryIds = (input.registryIds ?? [ctx.registry.accountId]) as AccountId[]
    return {
      authorizationData: registryIds.map((accountId) => ({
        authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
        expiresAt: timestamp(expiresAt),
        proxyEndpoint: addresses.proxyEndpoint({ accountId, region: ctx.registry.region }),
      })),
    }
  },
})
