// What a row of the docker wire is made of.

import type { RequestContext } from '../../base/request-context.ts'
import type { Blobs } from '../../domain/blobs/blobs.ts'
import type { Uploads } from '../../domain/blobs/uploads.ts'
import type { Images } from '../../domain/images/images.ts'
import type { Referrers } from '../../domain/images/referrers.ts'
import type { Authorizer } from '../../domain/policies/authorize.ts'
import type { Repositories } from '../../domain/repositories/repositories.ts'
import type { BodyReader } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { SendContent } from '../../http/send-content.ts'
import type { RedirectBlob } from './blob-redirects.ts'

export interface OciParts {
  repositories: Repositories
  images: Images
  referrers: Referrers
  blobs: Blobs
  uploads: Uploads
  bodies: BodyReader
  sendContent: SendContent
  redirectBlob: RedirectBlob
  authorizer: Authorizer
}

export interface Handler {
  /** The IAM action that guards it (docs/compatibility.md, section 2); undefined where a valid token is enough. */
  action: string | undefined
  /** An action that opens the door as well, for whoever lacks the first. */
  or?: string
  /** Other actions that this request needs as well, on the same repository. */
  also?(exchange: Exchange): readonly string[]
  run(exchange: Exchange, ctx: RequestContext, repository: string, reference: string): Promise<void>
}
