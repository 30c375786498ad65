// The registry itself: its replication configuration and its settings.

import { enumeration, type Infer, list, required, string, structure } from '../shapes/shape.ts'
import { RegistryId } from './names.ts'

export const RegionName = string({ min: 2, max: 25, pattern: '[0-9a-z-]{2,25}' })

export const ReplicationDestination = structure({ region: required(RegionName), registryId: required(RegistryId) })
export type ReplicationDestination = Infer<typeof ReplicationDestination>

export const RepositoryFilter = structure({
  filter: required(
    string({
      min: 2,
      max: 256,
      pattern: '^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$',
    }),
  ),
  filterType: required(enumeration('PREFIX_MATCH')),
})
export type RepositoryFilter = Infer<typeof RepositoryFilter>

export const ReplicationRule = structure({
  destinations: required(list(ReplicationDestination, { min: 0, max: 100 })),
  repositoryFilters: list(RepositoryFilter, { min: 1, max: 100 }),
})
export type ReplicationRule = Infer<typeof ReplicationRule>

export const ReplicationConfiguration = structure({ rules: required(list(ReplicationRule, { min: 0, max: 25 })) })
export type ReplicationConfiguration = Infer<typeof ReplicationConfiguration>

export const DescribeRegistryRequest = structure({})
export type DescribeRegistryRequest = Infer<typeof DescribeRegistryRequest>

export const DescribeRegistryResponse = structure({
  registryId: RegistryId,
  replicationConfiguration: ReplicationConfiguration,
})
export type DescribeRegistryResponse = Infer<typeof DescribeRegistryResponse>

const AccountSettingName = string({ min: 1, max: 64 })

export const GetAccountSettingRequest = structure({ name: required(AccountSettingName) })
export type GetAccountSettingRequest = Infer<typeof GetAccountSettingRequest>

export const GetAccountSettingResponse = structure({ name: AccountSettingName, value: string() })
export type GetAccountSettingResponse = Infer<typeof GetAccountSettingResponse>

export const PutAccountSettingRequest = structure({ name: required(AccountSettingName), value: required(string()) })
export type PutAccountSettingRequest = Infer<typeof PutAccountSettingRequest>

export const PutAccountSettingResponse = structure({ name: AccountSettingName, value: string() })
export type PutAccountSettingResponse = Infer<typeof PutAccountSettingResponse>
