import { DescribeRepositoriesRequest, type DescribeRepositoriesResponse } from '@berth/api/ecr/repositories.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import { checkedName, operation, type Permission } from '../operation.ts'
import { defaultPageSize, nextPage, openPage, refusePageWithIds } from '../pages.ts'
import { presentRepository } from './present.ts'

const list = 'repositories'

/** Without names the caller needs the right to see all of them: nobody's list is filtered (ECR API, 2.4). */
export const describeRepositories = operation({
  name: 'DescribeRepositories',
  input: DescribeRepositoriesRequest,
  naming: ['registryId', 'repositoryNames'],
  permissions: (input, registry) =>
    (input.repositoryNames ?? ['*']).map(
      (name): Permission => ['ecr:DescribeRepositories', repositoryArn(registry, name ?? '*')],
    ),
  async run(input, ctx, services): Promise<DescribeRepositoriesResponse> {
    const { repositories, addresses } = services
    refusePageWithIds(input, input.repositoryNames, 'repositoryNames')
    if (input.repositoryNames) {
      const found = await repositories.getAll(ctx, input.repositoryNames.map(checkedName))
      return { repositories: found.map((repository) => presentRepository(ctx, addresses, repository)) }
    }
    const after = openPage<string>(services, ctx, list, input)
    const page = await repositories.list(ctx, after, input.maxResults ?? defaultPageSize)
    return {
      repositories: page.repositories.map((repository) => presentRepository(ctx, addresses, repository)),
      ...nextPage(services, ctx, list, page.next),
    }
  },
})
