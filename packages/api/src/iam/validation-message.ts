// A broken constraint in the words of IAM and STS, under the code `ValidationError`.

import type { Violation } from '../shapes/violations.ts'

/** The name of the member starts in lower case; the rest of it is as the model has it: `clientID`, `openIDConnectProviderArn`. */
export function awsValidationMessage({ member, constraint, value }: Omit<Violation, 'topMember'>): string {
  const given = value === undefined ? 'null' : `'${value}'`
  const place = `${member.charAt(0).toLowerCase()}${member.slice(1)}`
  return `1 validation error detected: Value ${given} at '${place}' failed to satisfy constraint: ${constraint}`
}
