// ECR's sentences, byte for byte where clients look for them (docs/compatibility.md). Both wires use them.

import type { FaultOf } from '../base/errors.ts'

type InRepository = { repositoryName: string; registryId: string }

const inRepository = (f: InRepository) =>
  `in the repository with name '${f.repositoryName}' in registry with id '${f.registryId}'`
const inTheRepository = (f: InRepository) => `with name '${f.repositoryName}' in the registry with id '${f.registryId}'`
const quoted = (text: string | undefined) => (text === undefined ? "'null'" : `'${text}'`)

export const invalidParameter = (f: FaultOf<'InvalidParameter'>) =>
  `Invalid parameter at '${f.member}' failed to satisfy constraint: '${f.constraint}'`
export const tooManyTags = 'A repository may not have more than 50 tags'
export const repositoryNotFound = (f: InRepository) =>
  `The repository with name '${f.repositoryName}' does not exist in the registry with id '${f.registryId}'`
export const repositoryAlreadyExists = (f: InRepository) =>
  `The repository with name '${f.repositoryName}' already exists in the registry with id '${f.registryId}'`
export const repositoryNotEmpty = (f: InRepository) =>
  `The repository with name '${f.repositoryName}' in registry with id '${f.registryId}' cannot be deleted because it still contains images`
export const repositoryPolicyNotFound = (f: InRepository) =>
  `Repository policy does not exist for the repository ${inTheRepository(f)}`
export const registryPolicyNotFound = (f: FaultOf<'RegistryPolicyNotFound'>) =>
  `Registry policy does not exist in the registry with id '${f.registryId}'`
export const uploadNotFound = (f: FaultOf<'UploadNotFound'>) =>
  `The upload with id '${f.uploadId}' does not exist in the repository ${inTheRepository(f)}`
export const emptyUpload = (f: FaultOf<'EmptyUpload'>) =>
  `The upload with id '${f.uploadId}' ${inRepository(f)} cannot be completed because it does not have any parts`
export const invalidLayer = (f: FaultOf<'InvalidLayer'>) =>
  `None of the provided digests [${f.digests.join(', ')}] match the calculated digest '${f.calculated}' of the layer`
export const invalidLayerPart = (f: FaultOf<'InvalidLayerPart'>) => f.reason
export const layerPartTooSmall = 'All layer parts except the last part should be at least 5MB'
export const layerAlreadyExists = (f: FaultOf<'LayerAlreadyExists'>) =>
  `The layer with digest '${f.digest}' already exists ${inRepository(f)}`
export const layerNotFound = (f: FaultOf<'LayerNotFound'>) =>
  `The layer with digest ${f.digest} does not exist within the repository ${inTheRepository(f)}`
export const layerInaccessible = (f: FaultOf<'LayerInaccessible'>) =>
  `The layer with digest '${f.digest}' ${inRepository(f)} is not accessible because no image references it`
export const imageNotFound = (f: FaultOf<'ImageNotFound'>) =>
  `The image with imageId {imageDigest:${quoted(f.imageDigest)}, imageTag:${quoted(f.imageTag)}} does not exist within the repository ${inTheRepository(f)}`
export const imageAlreadyExists = (f: FaultOf<'ImageAlreadyExists'>) =>
  `Image with digest '${f.digest}' and tag '${f.tag ?? 'null'}' already exists ${inRepository(f)}`
export const imageTagAlreadyExists = (f: FaultOf<'ImageTagAlreadyExists'>) =>
  `The image tag '${f.tag}' already exists in the '${f.repositoryName}' repository and cannot be overwritten because the tag is immutable.`
export const imageDigestDoesNotMatch = (f: FaultOf<'ImageDigestDoesNotMatch'>) =>
  `The image with digest '${f.digest}' in repository '${f.repositoryName}' and registry ID '${f.registryId}' does not match the image digest that Amazon ECR has calculated.`
export const layersNotFound = (f: FaultOf<'LayersNotFound'>) =>
  `Layers with digests '[${f.digests.join(', ')}]' required for pushing image into repository ${inTheRepository(f)} do not exist`
export const referencedImagesNotFound = (f: FaultOf<'ReferencedImagesNotFound'>) =>
  `Images with digests '[${f.digests.join(', ')}]' required for pushing image into repository ${inTheRepository(f)} do not exist`
export const imageReferencedByManifestList = (f: FaultOf<'ImageReferencedByManifestList'>) =>
  `Requested image referenced by manifest list: [${f.parents.join(', ')}]`
export const storeFull = 'The registry has no room left on its disk. Nothing was stored; free some space and try again.'
