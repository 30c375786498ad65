// The operations of STS that have a shape, and the names of its API (version 2011-06-15) on the wire.

export const stsOperationNames = [
  'AssumeRole',
  'AssumeRoleWithWebIdentity',
  'DecodeAuthorizationMessage',
  'GetAccessKeyInfo',
  'GetCallerIdentity',
  'GetFederationToken',
  'GetSessionToken',
] as const

export type StsOperationName = (typeof stsOperationNames)[number]

/** `Version` of each request. */
export const stsVersion = '2011-06-15'

/** Of the XML of each answer. */
export const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/'

const names = new Set<string>(stsOperationNames)

export function isStsOperationName(name: string): name is StsOperationName {
  return names.has(name)
}
