// The named types that several resources share, as the ECR API model (2015-09-21) has them.

import { repositoryNamePattern } from '../names/repository-name.ts'
import { type Infer, integer, list, string, structure } from '../shapes/shape.ts'

export const RegistryId = string({ pattern: '[0-9]{12}' })

export const RepositoryName = string({ min: 2, max: 256, pattern: repositoryNamePattern, isRepositoryName: true })

export const NextToken = string()

export const MaxResults = integer({ min: 1, max: 1000 })

/** Only the length is the model's concern; a tag or digest that is malformed is reported with the image it was to name. */
export const ImageTag = string({ min: 1, max: 300 })
export const ImageDigest = string()

/** Either of the two, or both. That one is needed is reported per image. */
export const ImageIdentifier = structure({ imageDigest: ImageDigest, imageTag: ImageTag })
export type ImageIdentifier = Infer<typeof ImageIdentifier>

export const ImageIdentifierList = list(ImageIdentifier, { min: 1, max: 100 })
