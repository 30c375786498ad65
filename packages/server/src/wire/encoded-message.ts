// Where a refusal carries what STS DecodeAuthorizationMessage opens. EC2 puts it into the sentence; ECR, IAM and STS have none, and their
// bodies stay as they are (docs/extensions.md).

import type { FaultOf } from '../base/errors.ts'

export const encodedMessageHeader = 'x-berth-authorization-message'

export function encodedHeaders({ encoded }: FaultOf<'AccessDenied'>): Record<string, string> {
  return encoded === undefined ? {} : { [encodedMessageHeader]: encoded }
}
