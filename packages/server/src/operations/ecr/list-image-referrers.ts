import { ListImageReferrersRequest, type ListImageReferrersResponse } from '@berth/api/ecr/images.ts'
import { parseDigest } from '@berth/api/names/digest.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import { RegistryError } from '../../base/errors.ts'
import { checkedName, operation } from '../operation.ts'
import { nextPage, openPage } from '../pages.ts'
import { isOfArchive } from './describe-images.ts'

const defaultReferrers = 20

/** Has no IAM action of its own: it is a way to pull (ECR API, 2.4). */
export const listImageReferrers = operation({
  name: 'ListImageReferrers',
  input: ListImageReferrersRequest,
  permissions: (input, registry) => [['ecr:BatchGetImage', repositoryArn(registry, input.repositoryName ?? '*')]],
  async run(input, ctx, services): Promise<ListImageReferrersResponse> {
    const { repositoryName, filter } = input
    const subject = parseDigest(input.subjectId.imageDigest)
    if (!subject) {
      const constraint = "must satisfy regular expression 'sha256:[a-f0-9]{64}'"
      throw new RegistryError({ code: 'InvalidParameter', member: 'subjectId.imageDigest', constraint })
    }
    const artifactTypes = filter?.artifactTypes?.length ? filter.artifactTypes : undefined
    const list = `referrers/${repositoryName}/${subject}/${artifactTypes?.join(',') ?? ''}`
    const after = openPage<string>(services, ctx, list, input)
    if (isOfArchive(filter?.artifactStatus)) {
      await services.repositories.get(ctx, checkedName(repositoryName))
      return { referrers: [] }
    }
    const limit = input.maxResults ?? defaultReferrers
    const page = await services.referrers.list(ctx, repositoryName, subject, artifactTypes, after, limit)
    return {
      referrers: page.referrers.map((referrer) => ({ ...referrer, artifactStatus: 'ACTIVE' as const })),
      ...nextPage(services, ctx, list, page.next),
    }
  },
})
