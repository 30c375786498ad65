// What operations may use: the domain, and the few things that make addresses and tokens.

import type { AuthorizationMessages } from '../auth/authorization-message.ts'
import type { DockerTokens } from '../auth/docker-token.ts'
import type { SealedValues } from '../auth/sealed-value.ts'
import type { SessionTokens } from '../auth/session-token.ts'
import type { WebIdentities } from '../auth/web-identity.ts'
import type { Ids } from '../base/ids.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { Blobs } from '../domain/blobs/blobs.ts'
import type { Uploads } from '../domain/blobs/uploads.ts'
import type { AccessKeys } from '../domain/identities/access-keys.ts'
import type { AccountAliases } from '../domain/identities/account-aliases.ts'
import type { AccountReports } from '../domain/identities/account-reports.ts'
import type { CustomerPolicies } from '../domain/identities/customer-policies.ts'
import type { Directory } from '../domain/identities/directory.ts'
import type { Entities } from '../domain/identities/entities.ts'
import type { EntityPolicies } from '../domain/identities/entity-policies.ts'
import type { Groups } from '../domain/identities/groups.ts'
import type { Providers } from '../domain/identities/providers.ts'
import type { RoleSessions } from '../domain/identities/role-sessions.ts'
import type { Roles } from '../domain/identities/roles.ts'
import type { Sessions } from '../domain/identities/sessions.ts'
import type { TaggedEntities } from '../domain/identities/tagged-entities.ts'
import type { Users } from '../domain/identities/users.ts'
import type { Images } from '../domain/images/images.ts'
import type { Referrers } from '../domain/images/referrers.ts'
import type { Authorizer } from '../domain/policies/authorize.ts'
import type { RegistryPolicies } from '../domain/policies/registry-policies.ts'
import type { RepositoryPolicies } from '../domain/policies/repository-policies.ts'
import type { Simulations } from '../domain/policies/simulate.ts'
import type { Repositories } from '../domain/repositories/repositories.ts'
import type { Addresses } from './addresses.ts'

export interface Services {
  ids: Ids
  authorizer: Authorizer
  entities: Entities
  entityPolicies: EntityPolicies
  customerPolicies: CustomerPolicies
  roles: Roles
  providers: Providers
  taggedEntities: TaggedEntities
  users: Users
  groups: Groups
  accountAliases: AccountAliases
  accountReports: AccountReports
  accessKeys: AccessKeys
  directory: Directory
  sessions: Sessions
  sessionTokens: SessionTokens
  roleSessions: RoleSessions
  webIdentities: WebIdentities
  authorizationMessages: AuthorizationMessages
  repositories: Repositories
  repositoryPolicies: RepositoryPolicies
  registryPolicies: RegistryPolicies
  simulations: Simulations
  images: Images
  referrers: Referrers
  blobs: Blobs
  uploads: Uploads
  tokens: DockerTokens
  addresses: Addresses
  pageTokens: SealedValues<unknown>
  /** The path and query of a link that gives the blob to whoever holds it, for a while. */
  downloadLink(ctx: RequestContext, repository: string, digest: string): string
}
