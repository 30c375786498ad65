// Terraform with the AWS provider makes users, groups, roles, policies and an identity provider, and the policies of a repository and its
// registry: applied, planned clean, changed, planned clean, destroyed. Its own start-up asks STS who it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
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
