// Identity providers that speak OpenID Connect (IAM CreateOpenIDConnectProvider and its neighbours).

import {
  AddClientIDToOpenIDConnectProviderRequest,
  AddClientIDToOpenIDConnectProviderResponse,
  CreateOpenIDConnectProviderRequest,
  CreateOpenIDConnectProviderResponse,
  DeleteOpenIDConnectProviderRequest,
  DeleteOpenIDConnectProviderResponse,
  GetOpenIDConnectProviderRequest,
  GetOpenIDConnectProviderResponse,
  ListOpenIDConnectProvidersRequest,
  ListOpenIDConnectProvidersResponse,
  RemoveClientIDFromOpenIDConnectProviderRequest,
  RemoveClientIDFromOpenIDConnectProviderResponse,
  UpdateOpenIDConnectProviderThumbprintRequest,
  UpdateOpenIDConnectProviderThumbprintResponse,
} from '@berth/api/iam/providers.ts'
import { entityArn } from '../../domain/identities/arns.ts'
import { identityOperation } from '../identity-operation.ts'
import { tagFacts } from '../operation.ts'
import { presentTags, seconds, tagsOf } from './present.ts'

const withoutScheme = (url: string) => url.replace(/^https:\/\//, '')

const createProvider = identityOperation({
  service: 'iam',
  name: 'CreateOpenIDConnectProvider',
  input: CreateOpenIDConnectProviderRequest,
  output: CreateOpenIDConnectProviderResponse,
  naming: ['Url'],
  permissions(input, { registry }) {
    const name = { name: withoutScheme(input.Url ?? ''), path: '/' }
    const arn = entityArn({ account_id: registry.accountId, kind: 'provider', ...name })
    const facts = { requestTags: tagFacts(input.Tags) }
    return [
      ['iam:CreateOpenIDConnectProvider', arn, facts],
      ...(input.Tags?.length ? [['iam:TagOpenIDConnectProvider', arn, facts] as const] : []),
    ]
  },
  async run(input, { registry }, { providers }) {
    const arn = await providers.create(registry.accountId, {
      url: input.Url,
      clientIds: input.ClientIDList ?? [],
      thumbprints: input.ThumbprintList ?? [],
      ...(input.StaticJwks === undefined ? {} : { staticJwks: input.StaticJwks }),
      tags: tagsOf(input.Tags),
    })
    return { OpenIDConnectProviderArn: arn, ...(input.Tags?.length ? { Tags: input.Tags } : {}) }
  },
})

const getProvider = identityOperation({
  service: 'iam',
  name: 'GetOpenIDConnectProvider',
  input: GetOpenIDConnectProviderRequest,
  output: GetOpenIDConnectProviderResponse,
  naming: ['OpenIDConnectProviderArn'],
  permissions: (input) => [['iam:GetOpenIDConnectProvider', input.OpenIDConnectProviderArn ?? '']],
  async run({ OpenIDConnectProviderArn }, { registry }, { providers }) {
    const provider = await providers.get(registry.accountId, OpenIDConnectProviderArn)
    const { url, clientIds, thumbprints, createdAt, tags, staticJwks } = provider
    return {
      Url: withoutScheme(url),
      ClientIDList: clientIds,
      ThumbprintList: thumbprints,
      CreateDate: seconds(createdAt),
      ...(tags.length === 0 ? {} : { Tags: presentTags(tags) }),
      ...(staticJwks === undefined ? {} : { StaticJwks: staticJwks }),
    }
  },
})

const listProviders = identityOperation({
  service: 'iam',
  name: 'ListOpenIDConnectProviders',
  input: ListOpenIDConnectProvidersRequest,
  output: ListOpenIDConnectProvidersResponse,
  permissions: (_input, { registry }) => [
    ['iam:ListOpenIDConnectProviders', `arn:aws:iam::${registry.accountId}:oidc-provider/*`],
  ],
  async run(_input, { registry }, { providers }) {
    const arns = await providers.list(registry.accountId)
    return { OpenIDConnectProviderList: arns.map((Arn) => ({ Arn })) }
  },
})

const deleteProvider = identityOperation({
  service: 'iam',
  name: 'DeleteOpenIDConnectProvider',
  input: DeleteOpenIDConnectProviderRequest,
  output: DeleteOpenIDConnectProviderResponse,
  naming: ['OpenIDConnectProviderArn'],
  permissions: (input) => [['iam:DeleteOpenIDConnectProvider', input.OpenIDConnectProviderArn ?? '']],
  async run({ OpenIDConnectProviderArn }, { registry }, { providers }) {
    await providers.delete(registry.accountId, OpenIDConnectProviderArn)
    return {}
  },
})

const addClientId = identityOperation({
  service: 'iam',
  name: 'AddClientIDToOpenIDConnectProvider',
  input: AddClientIDToOpenIDConnectProviderRequest,
  output: AddClientIDToOpenIDConnectProviderResponse,
  naming: ['OpenIDConnectProviderArn'],
  permissions: (input) => [['iam:AddClientIDToOpenIDConnectProvider', input.OpenIDConnectProviderArn ?? '']],
  async run({ OpenIDConnectProviderArn, ClientID }, { registry }, { providers }) {
    await providers.addClientId(registry.accountId, OpenIDConnectProviderArn, ClientID)
    return {}
  },
})

const removeClientId = identityOperation({
  service: 'iam',
  name: 'RemoveClientIDFromOpenIDConnectProvider',
  input: RemoveClientIDFromOpenIDConnectProviderRequest,
  output: RemoveClientIDFromOpenIDConnectProviderResponse,
  naming: ['OpenIDConnectProviderArn'],
  permissions: (input) => [['iam:RemoveClientIDFromOpenIDConnectProvider', input.OpenIDConnectProviderArn ?? '']],
  async run({ OpenIDConnectProviderArn, ClientID }, { registry }, { providers }) {
    await providers.removeClientId(registry.accountId, OpenIDConnectProviderArn, ClientID)
    return {}
  },
})

const updateThumbprint = identityOperation({
  service: 'iam',
  name: 'UpdateOpenIDConnectProviderThumbprint',
  input: UpdateOpenIDConnectProviderThumbprintRequest,
  output: UpdateOpenIDConnectProviderThumbprintResponse,
  naming: ['OpenIDConnectProviderArn'],
  permissions: (input) => [['iam:UpdateOpenIDConnectProviderThumbprint', input.OpenIDConnectProviderArn ?? '']],
  async run({ OpenIDConnectProviderArn, ThumbprintList }, { registry }, { providers }) {
    await providers.setThumbprints(registry.accountId, OpenIDConnectProviderArn, ThumbprintList)
    return {}
  },
})

export const providerOperations = [
  addClientId,
  createProvider,
  deleteProvider,
  getProvider,
  listProviders,
  removeClientId,
  updateThumbprint,
]
