// Terraform with the AWS provider makes users, groups, roles, policies and an identity provider, and the policies of a repository and its
// registry: applied, planned clean, changed, planned clean, destroyed. Its own start-up asks STS who it is.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam'
import { createOidcProvider, whyNoOidcProvider } from '../../support/oidc-provider.ts'
import { provingGround } from '../../support/proving-ground.ts'
import { skip, terraformProject } from './terraform-project.ts'

const resources = (colour: string, actions: string[]) => `
data "aws_caller_identity" "me" {}
locals {
  account = data.aws_caller_identity.me.account_id
}

resource "aws_iam_group" "team" {
  name = "team"
  path = "/teams/"
}
resource "aws_iam_user" "ci" {
  name                 = "ci"
  path                 = "/robots/"
  force_destroy        = true
  permissions_boundary = aws_iam_policy.pull.arn
  tags                 = { colour = "${colour}" }
}
resource "aws_iam_access_key" "ci" {
  user = aws_iam_user.ci.name
}
resource "aws_iam_user_group_membership" "ci" {
  user   = aws_iam_user.ci.name
  groups = [aws_iam_group.team.name]
}
resource "aws_iam_policy" "pull" {
  name        = "pull"
  description = "what a cluster needs"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Pull"
      Effect   = "Allow"
      Action   = ${JSON.stringify(actions)}
      Resource = "*"
    }]
  })
  tags = { colour = "${colour}" }
}
data "aws_iam_policy" "read_only" {
  arn = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.ci.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["${colour}"]
    }
  }
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:example/app:*"]
    }
  }
}
resource "aws_iam_role" "deploy" {
  name                 = "deploy"
  description          = "deploys ${colour}"
  max_session_duration = ${colour === 'blue' ? 3600 : 7200}
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = { colour = "${colour}" }
}
resource "aws_iam_role_policy" "push" {
  name = "push"
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["ecr:PutImage", "ecr:*Layer*"], Resource = aws_ecr_repository.app.arn }]
  })
}
resource "aws_iam_user_policy" "login" {
  name = "login"
  user = aws_iam_user.ci.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" }]
  })
}
resource "aws_iam_group_policy" "describe" {
  name  = "describe"
  group = aws_iam_group.team.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ecr:Describe*", Resource = "*" }]
  })
}
resource "aws_iam_user_policy_attachment" "pull" {
  user       = aws_iam_user.ci.name
  policy_arn = aws_iam_policy.pull.arn
}
resource "aws_iam_role_policy_attachment" "read_only" {
  role       = aws_iam_role.deploy.name
  policy_arn = data.aws_iam_policy.read_only.arn
}
resource "aws_iam_group_policy_attachment" "read_only" {
  group      = aws_iam_group.team.name
  policy_arn = data.aws_iam_policy.read_only.arn
}
resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"${colour === 'blue' ? '' : ', "berth"'}]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}
resource "aws_ecr_repository" "app" {
  name         = "access/app"
  force_delete = true
}
resource "aws_ecr_repository_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Pull"
      Effect    = "Allow"
      Principal = { AWS = [aws_iam_role.deploy.arn, aws_iam_user.ci.arn] }
      Action    = ${JSON.stringify(actions)}
    }]
  })
}
resource "aws_ecr_registry_policy" "all" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Create"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::\${local.account}:root" }
      Action    = ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"]
      Resource  = "arn:aws:ecr:us-east-1:\${local.account}:repository/cache/*"
    }]
  })
}
output "account" { value = local.account }
output "arn" { value = data.aws_caller_identity.me.arn }
output "user" { value = aws_iam_user.ci.arn }
output "role" { value = aws_iam_role.deploy.unique_id }
output "secret" {
  value     = aws_iam_access_key.ci.secret
  sensitive = true
}
`

test('Terraform: users, groups, roles, policies, an identity provider, policies of a repository and a registry', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const ground = await provingGround()
  t.after(() => ground.close())
  const { accountId } = ground.server
  const { write, terraform, plan, outputs } = await terraformProject(t, ground.server)
  const planned = async (code: number) => {
    const outcome = await plan()
    assert.equal(outcome.code, code, outcome.stdout)
    return outcome.stdout
  }

  await t.test('apply makes them', async () => {
    await write(resources('blue', ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']))
    await terraform('init', '-no-color')
    await planned(2)
    await terraform('apply', '-no-color', 'planned')
    const { account, arn, user, role, secret } = await outputs()
    assert.equal(account, accountId)
    assert.equal(arn, `arn:aws:iam::${accountId}:user/admin`)
    assert.equal(user, `arn:aws:iam::${accountId}:user/robots/ci`)
    assert.match(String(role), /^AROA[A-Z2-7]{17}$/)
    assert.match(String(secret), /^[A-Za-z0-9]{40}$/)
  })
  await t.test('a plan after it finds nothing to do', async () => {
    await planned(0)
  })
  await t.test('a change of most settings is made in place, and a plan after it finds nothing to do', async () => {
    await write(
      resources('red', ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability']),
    )
    assert.match(await planned(2), /0 to add, \d+ to change, 0 to destroy/)
    await terraform('apply', '-no-color', 'planned')
    await planned(0)
  })
  await t.test('destroy removes them all', async () => {
    await terraform('destroy', '-no-color', '-auto-approve')
    assert.equal((await terraform('state', 'list')).stdout.trim(), '')
  })
})

const others = `
data "aws_caller_identity" "me" {}
data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}
resource "aws_iam_account_alias" "wharf" {
  account_alias = "wharf"
}
data "aws_iam_account_alias" "wharf" {
  depends_on = [aws_iam_account_alias.wharf]
}
resource "aws_iam_policy" "list" {
  name = "list"
  path = "/team/"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ecr:ListImages", Resource = "*" }]
  })
}
resource "aws_iam_user" "robot" {
  count = 2
  name  = "robot-\${count.index}"
  path  = "/robots/"
}
resource "aws_iam_group" "robots" {
  name = "robots"
}
resource "aws_iam_group_membership" "robots" {
  name  = "robots"
  group = aws_iam_group.robots.name
  users = aws_iam_user.robot[*].name
}
resource "aws_iam_role" "bounded" {
  name                 = "bounded"
  path                 = "/team/"
  permissions_boundary = aws_iam_policy.list.arn
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = data.aws_caller_identity.me.account_id } }]
  })
}
resource "aws_iam_policy_attachment" "list" {
  name       = "list"
  policy_arn = aws_iam_policy.list.arn
  users      = aws_iam_user.robot[*].name
  groups     = [aws_iam_group.robots.name]
  roles      = [aws_iam_role.bounded.name]
}
resource "aws_iam_role_policies_exclusive" "bounded" {
  role_name    = aws_iam_role.bounded.name
  policy_names = []
}
resource "aws_iam_user_policies_exclusive" "robot" {
  user_name    = aws_iam_user.robot[0].name
  policy_names = []
}
resource "aws_iam_group_policies_exclusive" "robots" {
  group_name   = aws_iam_group.robots.name
  policy_names = []
}
resource "aws_iam_role_policy_attachments_exclusive" "bounded" {
  role_name   = aws_iam_role.bounded.name
  policy_arns = [aws_iam_policy.list.arn]
  depends_on  = [aws_iam_policy_attachment.list]
}
resource "aws_iam_access_key" "off" {
  user   = aws_iam_user.robot[0].name
  status = "Inactive"
}
data "aws_iam_user" "robot" {
  user_name = aws_iam_user.robot[0].name
}
data "aws_iam_users" "robots" {
  path_prefix = "/robots/"
  depends_on  = [aws_iam_user.robot]
}
data "aws_iam_access_keys" "robot" {
  user       = aws_iam_user.robot[0].name
  depends_on = [aws_iam_access_key.off]
}
data "aws_iam_group" "robots" {
  group_name = aws_iam_group.robots.name
  depends_on = [aws_iam_group_membership.robots]
}
data "aws_iam_role" "bounded" {
  name = aws_iam_role.bounded.name
}
data "aws_iam_roles" "team" {
  path_prefix = "/team/"
  depends_on  = [aws_iam_role.bounded]
}
data "aws_iam_policy" "list" {
  name       = "list"
  depends_on = [aws_iam_policy.list]
}
data "aws_iam_principal_policy_simulation" "robot" {
  policy_source_arn = aws_iam_user.robot[0].arn
  action_names      = ["ecr:ListImages"]
  depends_on        = [aws_iam_policy_attachment.list]
}
resource "aws_ecr_account_setting" "scope" {
  name  = "REGISTRY_POLICY_SCOPE"
  value = "V2"
}
output "alias" { value = data.aws_iam_account_alias.wharf.account_alias }
output "issuer" { value = data.aws_iam_session_context.me.issuer_arn }
output "robots" { value = sort(data.aws_iam_users.robots.names) }
output "members" { value = sort(data.aws_iam_group.robots.users[*].user_name) }
output "roles" { value = sort(data.aws_iam_roles.team.names) }
output "keys" { value = data.aws_iam_access_keys.robot.access_keys[*].status }
output "allowed" { value = data.aws_iam_principal_policy_simulation.robot.all_allowed }
`

test('Terraform: attachments and members as a whole, lists that are exclusive, and what data sources read', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const ground = await provingGround()
  t.after(() => ground.close())
  const { write, terraform, plan, outputs } = await terraformProject(t, ground.server)
  await write(others)
  await terraform('init', '-no-color')
  await terraform('apply', '-no-color', '-auto-approve')
  assert.deepEqual(await outputs(), {
    alias: 'wharf',
    issuer: `arn:aws:iam::${ground.server.accountId}:user/admin`,
    robots: ['robot-0', 'robot-1'],
    members: ['robot-0', 'robot-1'],
    roles: ['bounded'],
    keys: ['Inactive'],
    allowed: true,
  })
  const { code, stdout } = await plan()
  assert.equal(code, 0, stdout)
  await terraform('destroy', '-no-color', '-auto-approve')
})

test('Terraform: the provider takes a role by a key and by a web identity, and may what the role may', {
  skip: skip || whyNoOidcProvider,
  timeout: 600_000,
}, async (t) => {
  const issuer = await createOidcProvider()
  t.after(() => issuer.close())
  const ground = await provingGround({
    env: { BERTH_OIDC_ALLOWED_HOSTS: issuer.host, BERTH_OIDC_CA_FILE: issuer.caFile },
  })
  t.after(() => ground.close())
  const { accountId, url, region } = ground.server
  const iam = new IAMClient({ endpoint: url, region, credentials: ground.server })
  t.after(() => iam.destroy())
  await iam.send(new CreateOpenIDConnectProviderCommand({ Url: issuer.url, ClientIDList: ['sts.amazonaws.com'] }))
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const trusts = {
    keyed: { Principal: { AWS: accountId }, Action: 'sts:AssumeRole' },
    federated: {
      Principal: { Federated: `arn:aws:iam::${accountId}:oidc-provider/${issuer.host}` },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: { StringEquals: { [`${issuer.host}:aud`]: 'sts.amazonaws.com' } },
    },
  }
  for (const [RoleName, trust] of Object.entries(trusts)) {
    const AssumeRolePolicyDocument = document({ Effect: 'Allow', ...trust })
    await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }))
    const own = `arn:aws:ecr:us-east-1:${accountId}:repository/${RoleName}/*`
    const PolicyDocument = document({ Effect: 'Allow', Action: 'ecr:*', Resource: own })
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }))
  }
  const roleArn = (name: string) => `arn:aws:iam::${accountId}:role/${name}`
  const project = await terraformProject(t, ground.server)
  await writeFile(join(project.folder, 'token'), issuer.issue())
  const provider = (alias: string, settings: string) => `
provider "aws" {
  alias                   = "${alias}"
  region                  = "us-east-1"
  skip_metadata_api_check = true
  ${settings}
  endpoints {
    ecr = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
}
data "aws_caller_identity" "${alias}" {
  provider = aws.${alias}
}
output "${alias}" { value = data.aws_caller_identity.${alias}.arn }
`
  const repository = (alias: string, folder: string) => `
resource "aws_ecr_repository" "${alias}_${folder}" {
  provider = aws.${alias}
  name     = "${folder}/app"
}
`
  const providers = [
    provider(
      'keyed',
      `access_key = var.access_key
  secret_key = var.secret_key
  assume_role {
    role_arn     = "${roleArn('keyed')}"
    session_name = "terraform"
  }`,
    ),
    provider(
      'federated',
      `assume_role_with_web_identity {
    role_arn                = "${roleArn('federated')}"
    session_name            = "terraform"
    web_identity_token_file = "${join(project.folder, 'token')}"
  }`,
    ),
  ].join('')
  await project.write(`${providers}${repository('keyed', 'keyed')}${repository('federated', 'federated')}`)
  await project.terraform('init', '-no-color')
  await project.terraform('apply', '-no-color', '-auto-approve')
  const session = (name: string) => `arn:aws:sts::${accountId}:assumed-role/${name}/terraform`
  assert.deepEqual(await project.outputs(), { keyed: session('keyed'), federated: session('federated') })
  await project.write(`${providers}${repository('keyed', 'federated')}`)
  await assert.rejects(
    project.terraform('apply', '-no-color', '-auto-approve'),
    /AccessDeniedException: User: \S+\/keyed\/terraform is not authorized to perform: ecr:CreateRepository/,
  )
})
