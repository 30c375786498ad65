// Operations that tell who somebody is, or what a message says.

import { type Infer, required, string, structure } from '../shapes/shape.ts'
import { AccessKeyId, Arn } from './names.ts'

export const GetCallerIdentityRequest = structure({})
export type GetCallerIdentityRequest = Infer<typeof GetCallerIdentityRequest>

export const GetCallerIdentityResponse = structure({
  UserId: string(),
  Account: string(),
  Arn,
})
export type GetCallerIdentityResponse = Infer<typeof GetCallerIdentityResponse>

export const GetAccessKeyInfoRequest = structure({
  AccessKeyId: required(AccessKeyId),
})
export type GetAccessKeyInfoRequest = Infer<typeof GetAccessKeyInfoRequest>

export const GetAccessKeyInfoResponse = structure({
  Account: string(),
})
export type GetAccessKeyInfoResponse = Infer<typeof GetAccessKeyInfoResponse>

export const EncodedMessage = string({ min: 1, max: 10_240 })

export const DecodeAuthorizationMessageRequest = structure({
  EncodedMessage: required(EncodedMessage),
})
export type DecodeAuthorizationMessageRequest = Infer<typeof DecodeAuthorizationMessageRequest>

export const DecodeAuthorizationMessageResponse = structure({
  DecodedMessage: string(),
})
export type DecodeAuthorizationMessageResponse = Infer<typeof DecodeAuthorizationMessageResponse>
