// Tags of resources (not of images). Only repositories have them.

import { type Infer, list, required, string, structure } from '../shapes/shape.ts'

/** The one structure whose members are in Pascal case. The lengths of both are checked with other words, as tag parameters. */
export const Tag = structure({ Key: required(string()), Value: required(string()) })
export type Tag = Infer<typeof Tag>

export const TagList = list(Tag)

/** That it must be an ARN is not in the model: `Invalid ARN`. */
export const ResourceArn = string()

export const TagResourceRequest = structure({ resourceArn: required(ResourceArn), tags: required(TagList) })
export type TagResourceRequest = Infer<typeof TagResourceRequest>

export const TagResourceResponse = structure({})
export type TagResourceResponse = Infer<typeof TagResourceResponse>

export const UntagResourceRequest = structure({ resourceArn: required(ResourceArn), tagKeys: required(list(string())) })
export type UntagResourceRequest = Infer<typeof UntagResourceRequest>

export const UntagResourceResponse = structure({})
export type UntagResourceResponse = Infer<typeof UntagResourceResponse>

export const ListTagsForResourceRequest = structure({ resourceArn: required(ResourceArn) })
export type ListTagsForResourceRequest = Infer<typeof ListTagsForResourceRequest>

export const ListTagsForResourceResponse = structure({ tags: TagList })
export type ListTagsForResourceResponse = Infer<typeof ListTagsForResourceResponse>
