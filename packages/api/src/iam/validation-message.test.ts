import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '../shapes/decode.ts'
import type { StructureShape } from '../shapes/shape.ts'
import { firstViolation } from '../shapes/violations.ts'
import { AssumeRoleRequest, AssumeRoleWithWebIdentityRequest, GetFederationTokenRequest } from '../sts/sessions.ts'
import { UpdateAccessKeyRequest } from './access-keys.ts'
import { CreateAccountAliasRequest } from './account.ts'
import { CreatePolicyRequest, GetPolicyVersionRequest } from './policies.ts'
import { AddClientIDToOpenIDConnectProviderRequest, CreateOpenIDConnectProviderRequest } from './providers.ts'
import { CreateRoleRequest } from './roles.ts'
import { SimulatePrincipalPolicyRequest } from './simulation.ts'
import { CreateUserRequest, ListUsersRequest, TagUserRequest } from './users.ts'
import { awsValidationMessage } from './validation-message.ts'

const message = (shape: StructureShape, json: unknown) => {
  const violation = firstViolation(shape, decode(shape, json))
  return violation && awsValidationMessage(violation)
}

const name = 'Member must satisfy regular expression pattern: [\\w+=,.@-]+'
const path = 'Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)'
const roleArn = 'arn:aws:iam::123456789012:role/r'
const role = { RoleName: 'r', AssumeRolePolicyDocument: '{}' }
const session = { RoleArn: roleArn, RoleSessionName: 'ci' }
const longest = (count: number) => `Member must have length less than or equal to ${count}`
const shortest = (count: number) => `Member must have length greater than or equal to ${count}`

describe('a broken constraint is told as IAM and STS tell it', () => {
  const cases: [shape: StructureShape, json: unknown, value: string, member: string, constraint: string][] = [
    [CreateUserRequest, {}, 'null', 'userName', 'Member must not be null'],
    [CreateUserRequest, { UserName: 'x!' }, "'x!'", 'userName', name],
    [CreateUserRequest, { UserName: '' }, "''", 'userName', shortest(1)],
    [CreateUserRequest, { UserName: 'a'.repeat(65) }, `'${'a'.repeat(65)}'`, 'userName', longest(64)],
    [CreateUserRequest, { UserName: 'a', Path: 'a' }, "'a'", 'path', path],
    [CreateUserRequest, { UserName: 'a', Path: '/a' }, "'/a'", 'path', path],
    [CreateUserRequest, { UserName: 'a', PermissionsBoundary: 'arn' }, "'arn'", 'permissionsBoundary', shortest(20)],
    [TagUserRequest, { UserName: 'a', Tags: [{ Key: 'a' }] }, 'null', 'tags.1.member.value', 'Member must not be null'],
    [
      TagUserRequest,
      {
        UserName: 'a',
        Tags: [
          { Key: 'a', Value: '' },
          { Key: 'a<', Value: '' },
        ],
      },
      ...(["'a<'", 'tags.2.member.key'] as const),
      'Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+',
    ],
    [
      TagUserRequest,
      { UserName: 'a', Tags: Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: '' })) },
      `'${`[${Array.from({ length: 51 }, (_, n) => `{Key=k${n}, Value=}`).join(', ')}]`.slice(0, 256)}'`,
      'tags',
      longest(50),
    ],
    [ListUsersRequest, { MaxItems: 1001 }, "'1001'", 'maxItems', 'Member must have value less than or equal to 1000'],
    [ListUsersRequest, { MaxItems: 0 }, "'0'", 'maxItems', 'Member must have value greater than or equal to 1'],
    [ListUsersRequest, { PathPrefix: 'a' }, "'a'", 'pathPrefix', `${name.split(': ')[0]}: \\u002F[\\u0021-\\u007F]*`],
    [
      UpdateAccessKeyRequest,
      { AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA', Status: 'active' },
      ...(["'active'", 'status', 'Member must satisfy enum value set: [Active, Inactive, Expired]'] as const),
    ],
    [
      CreateRoleRequest,
      { ...role, MaxSessionDuration: 3599 },
      "'3599'",
      'maxSessionDuration',
      'Member must have value greater than or equal to 3600',
    ],
    [
      CreateRoleRequest,
      { ...role, AssumeRolePolicyDocument: '€' },
      "'€'",
      'assumeRolePolicyDocument',
      'Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+',
    ],
    [
      CreateRoleRequest,
      { ...role, AssumeRolePolicyDocument: 'a'.repeat(131_073) },
      `'${'a'.repeat(256)}'`,
      'assumeRolePolicyDocument',
      longest(131_072),
    ],
    [
      CreatePolicyRequest,
      { PolicyName: 'p', PolicyDocument: '{}', Path: '/a b/' },
      "'/a b/'",
      'path',
      `${name.split(': ')[0]}: ((/[A-Za-z0-9\\.,\\+@=_-]+)*)/`,
    ],
    [
      GetPolicyVersionRequest,
      { PolicyArn: 'arn:aws:iam::aws:policy/P', VersionId: '1' },
      "'1'",
      'versionId',
      `${name.split(': ')[0]}: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?`,
    ],
    [
      CreateAccountAliasRequest,
      { AccountAlias: 'a--b' },
      "'a--b'",
      'accountAlias',
      `${name.split(': ')[0]}: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`,
    ],
    [
      CreateOpenIDConnectProviderRequest,
      { Url: 'https://a', ThumbprintList: ['short'] },
      "'short'",
      'thumbprintList.1.member',
      shortest(40),
    ],
    [
      CreateOpenIDConnectProviderRequest,
      { Url: 'https://a', StaticJwks: 'k'.repeat(65_537) },
      `'${'k'.repeat(256)}'`,
      'staticJwks',
      longest(65_536),
    ],
    [
      AddClientIDToOpenIDConnectProviderRequest,
      { ClientID: 'a' },
      'null',
      'openIDConnectProviderArn',
      'Member must not be null',
    ],
    [SimulatePrincipalPolicyRequest, { PolicySourceArn: roleArn }, 'null', 'actionNames', 'Member must not be null'],
    [
      SimulatePrincipalPolicyRequest,
      { PolicySourceArn: roleArn, ActionNames: ['a:b', 'x'] },
      "'x'",
      'actionNames.2.member',
      shortest(3),
    ],
    [
      AssumeRoleRequest,
      { ...session, RoleSessionName: 'a b' },
      "'a b'",
      'roleSessionName',
      'Member must satisfy regular expression pattern: [\\w+=,.@-]*',
    ],
    [
      AssumeRoleRequest,
      { ...session, DurationSeconds: 43_201 },
      "'43201'",
      'durationSeconds',
      'Member must have value less than or equal to 43200',
    ],
    [
      AssumeRoleRequest,
      { ...session, PolicyArns: [{ arn: 'short' }] },
      "'short'",
      'policyArns.1.member.arn',
      shortest(20),
    ],
    [AssumeRoleWithWebIdentityRequest, session, 'null', 'webIdentityToken', 'Member must not be null'],
    [
      AssumeRoleWithWebIdentityRequest,
      { ...session, WebIdentityToken: 'abc' },
      "'***'",
      'webIdentityToken',
      shortest(4),
    ],
    [
      AssumeRoleWithWebIdentityRequest,
      { ...session, WebIdentityToken: 'e'.repeat(20_001) },
      "'***'",
      'webIdentityToken',
      longest(20_000),
    ],
    [GetFederationTokenRequest, { Name: 'a'.repeat(33) }, `'${'a'.repeat(33)}'`, 'name', longest(32)],
  ]
  for (const [n, [shape, json, value, member, constraint]] of cases.entries()) {
    test(`${n + 1}: ${member}: ${constraint.slice(0, 60)}`, () => {
      assert.equal(
        message(shape, json),
        `1 validation error detected: Value ${value} at '${member}' failed to satisfy constraint: ${constraint}`,
      )
    })
  }
})

describe('what the models allow', () => {
  const cases: [string, StructureShape, unknown][] = [
    ['paths', CreateUserRequest, { UserName: 'a', Path: '/' }],
    ['deep paths', CreateUserRequest, { UserName: 'a', Path: '/a/~b!/' }],
    ['every character of a name', CreateUserRequest, { UserName: 'aZ0_+=,.@-' }],
    ['the longest document', CreateRoleRequest, { ...role, AssumeRolePolicyDocument: 'ÿ\t\n\r'.repeat(32_768) }],
    ['tags in any script', TagUserRequest, { UserName: 'a', Tags: [{ Key: 'ключ 鍵', Value: '' }] }],
    ['the shortest session', AssumeRoleRequest, { ...session, DurationSeconds: 900 }],
    ['an ARN beyond ASCII', AssumeRoleRequest, { ...session, RoleArn: `${roleArn}ä` }],
    ['the longest token', AssumeRoleWithWebIdentityRequest, { ...session, WebIdentityToken: 'e'.repeat(20_000) }],
    ['empty lists', AssumeRoleRequest, { ...session, Tags: [], PolicyArns: [], TransitiveTagKeys: [] }],
  ]
  for (const [what, shape, json] of cases) test(what, () => assert.equal(message(shape, json), undefined))
})
