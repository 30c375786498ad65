// Terraform with the AWS provider against a served registry: a repository is made, planned clean, changed, planned clean and destroyed, and
// the provider's data sources read it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeleteRepositoryCommand, DescribeRepositoriesCommand, ListTagsForResourceCommand } from '@aws-sdk/client-ecr'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import { skippedAloud } from '../../support/tool.ts'
import { ociImage } from './images.ts'
import { ecrClient, pushImage, refused } from './sdk.ts'
import { skip, terraformProject } from './terraform-project.ts'

test('Terraform: aws_ecr_repository is applied, planned clean, changed, destroyed', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const ground: ProvingGround = await provingGround()
  t.after(() => ground.close())
  const { server } = ground
  const client = ecrClient(server)
  t.after(() => client.destroy())

  // One state for the repositories, one for what only reads them.
  const project = await terraformProject(t, server)
  const reader = await terraformProject(t, server)
  const { terraform: apply, plan } = project
  const filterBlock = await exclusionFilterBlock()

  async function exclusionFilterBlock(): Promise<boolean> {
    const { write, terraform } = await terraformProject(t, server)
    await write('')
    await terraform('init', '-no-color')
    const schema = (await terraform('providers', 'schema', '-json')).stdout
    const known = schema.includes('image_tag_mutability_exclusion_filter')
    if (!known) {
      const reason = 'this version of the provider has no such block; the AWS CLI and the SDKs judge it'
      skippedAloud('image_tag_mutability_exclusion_filter', reason)
    }
    return known
  }

  const main = (mutability: string, scan: boolean, tags: string, excluded?: string[]) => `
resource "aws_ecr_repository" "app" {
  name                 = "terraform/app"
  image_tag_mutability = "${mutability}"
  force_delete         = true
  image_scanning_configuration {
    scan_on_push = ${scan}
  }
  tags = { ${tags} }
}
resource "aws_ecr_repository" "plain" {
  name = "terraform/plain"
  encryption_configuration {
    encryption_type = "AES256"
  }
}
${
  excluded
    ? `resource "aws_ecr_repository" "filtered" {
  name                 = "terraform/filtered"
  image_tag_mutability = "IMMUTABLE_WITH_EXCLUSION"
${excluded
  .map(
    (filter) => `  image_tag_mutability_exclusion_filter {
    filter      = "${filter}"
    filter_type = "WILDCARD"
  }
`,
  )
  .join('')}}`
    : ''
}
output "url" { value = aws_ecr_repository.app.repository_url }
output "arn" { value = aws_ecr_repository.app.arn }
output "registry" { value = aws_ecr_repository.app.registry_id }
`
  const described = async (name: string) => {
    const { repositories } = await client.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }))
    const repository = repositories?.[0]
    const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: repository?.repositoryArn }))
    return { ...repository, tags: Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value])) }
  }

  await t.test('init finds the provider in the folder', async () => {
    await project.write(
      main('IMMUTABLE', true, 'team = "blue", keep = "yes"', filterBlock ? ['latest', 'dev-*'] : undefined),
    )
    await apply('init', '-no-color')
  })

  await t.test('apply makes the repositories with their settings and tags', async () => {
    assert.equal((await plan()).code, 2)
    await apply('apply', '-no-color', 'planned')
    const outputs = await project.outputs()
    assert.equal(outputs.url, `${server.host}/terraform/app`)
    assert.equal(outputs.arn, `arn:aws:ecr:us-east-1:${server.accountId}:repository/terraform/app`)
    assert.equal(outputs.registry, server.accountId)
    const app = await described('terraform/app')
    assert.equal(app.imageTagMutability, 'IMMUTABLE')
    assert.deepEqual(app.imageScanningConfiguration, { scanOnPush: true })
    assert.deepEqual(app.tags, { team: 'blue', keep: 'yes' })
  })

  await t.test('a plan after it finds nothing to do', async () => {
    const { code, stdout } = await plan()
    assert.equal(code, 0, stdout)
  })

  await t.test('the data sources read a repository, an image and a token', async () => {
    const image = ociImage()
    await pushImage(client, 'terraform/app', ociImage(), 'v0')
    await pushImage(client, 'terraform/app', image, 'v1', 'stable')
    await reader.write(
      `
data "aws_ecr_authorization_token" "token" {}
data "aws_ecr_repository" "app" { name = "terraform/app" }
data "aws_ecr_repositories" "all" {}
data "aws_ecr_image" "tagged" {
  repository_name = "terraform/app"
  image_tag       = "v1"
}
data "aws_ecr_image" "newest" {
  repository_name = "terraform/app"
  most_recent     = true
}
output "endpoint" { value = data.aws_ecr_authorization_token.token.proxy_endpoint }
output "user" { value = data.aws_ecr_authorization_token.token.user_name }
output "password" {
  value     = data.aws_ecr_authorization_token.token.password
  sensitive = true
}
output "mutability" { value = data.aws_ecr_repository.app.image_tag_mutability }
output "recent" { value = data.aws_ecr_repository.app.most_recent_image_tags }
output "names" { value = data.aws_ecr_repositories.all.names }
output "tagged" { value = data.aws_ecr_image.tagged.image_digest }
output "newest" { value = data.aws_ecr_image.newest.image_digest }
output "uri" { value = data.aws_ecr_image.tagged.image_uri }
`,
    )
    await reader.terraform('init', '-no-color')
    await reader.terraform('apply', '-no-color', '-auto-approve')
    const outputs = await reader.outputs()
    const value = (name: string) => outputs[name]
    assert.equal(value('endpoint'), server.url)
    assert.equal(value('user'), 'AWS')
    assert.equal(value('mutability'), 'IMMUTABLE')
    assert.deepEqual((value('recent') as string[]).toSorted(), ['stable', 'v1'])
    assert.ok((value('names') as string[]).includes('terraform/plain'))
    assert.deepEqual([value('tagged'), value('newest')], [image.digest, image.digest])
    assert.equal(value('uri'), `${server.host}/terraform/app@${image.digest}`)
    const basic = Buffer.from(`AWS:${value('password')}`).toString('base64')
    const answer = await fetch(`${server.url}/v2/`, { headers: { authorization: `Basic ${basic}` } })
    assert.equal(answer.status, 200)
  })

  await t.test('a change of every setting is made in place, and a plan after it finds nothing to do', async () => {
    await project.write(main('MUTABLE', false, 'team = "red", added = "1"', filterBlock ? ['nightly-*'] : undefined))
    const planned = await plan()
    assert.equal(planned.code, 2)
    assert.match(planned.stdout, /0 to add, \d+ to change, 0 to destroy/)
    await apply('apply', '-no-color', 'planned')
    const app = await described('terraform/app')
    assert.equal(app.imageTagMutability, 'MUTABLE')
    assert.deepEqual(app.imageScanningConfiguration, { scanOnPush: false })
    assert.deepEqual(app.tags, { team: 'red', added: '1' })
    const { code, stdout } = await plan()
    assert.equal(code, 0, stdout)
  })

  await t.test('what was changed behind its back is seen by the next plan', async () => {
    await client.send(new DeleteRepositoryCommand({ repositoryName: 'terraform/plain' }))
    const planned = await plan()
    assert.equal(planned.code, 2)
    assert.match(planned.stdout, /1 to add, 0 to change, 0 to destroy/)
    await apply('apply', '-no-color', 'planned')
    assert.equal((await described('terraform/plain')).repositoryName, 'terraform/plain')
  })

  await t.test('destroy removes the repositories, with their images where force_delete says so', async () => {
    await apply('destroy', '-no-color', '-auto-approve')
    for (const name of ['terraform/app', 'terraform/plain']) {
      await refused(
        client.send(new DescribeRepositoriesCommand({ repositoryNames: [name] })),
        'RepositoryNotFoundException',
      )
    }
  })
})
