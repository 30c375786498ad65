// Amazon's clients as the judges of both directions: what they send is read as what was meant, and what is rendered they read back. No
// server is between them and the two functions, so each case is one value in one form.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as iamSdk from '@aws-sdk/client-iam'
import * as stsSdk from '@aws-sdk/client-sts'
import * as account from '@berth/api/iam/account.ts'
import { iamNamespace, iamVersion } from '@berth/api/iam/operation-names.ts'
import * as policies from '@berth/api/iam/policies.ts'
import * as providers from '@berth/api/iam/providers.ts'
import * as roles from '@berth/api/iam/roles.ts'
import * as simulation from '@berth/api/iam/simulation.ts'
import * as users from '@berth/api/iam/users.ts'
import { decode } from '@berth/api/shapes/decode.ts'
import type { Infer, StructureShape } from '@berth/api/shapes/shape.ts'
import { firstViolation } from '@berth/api/shapes/violations.ts'
import * as caller from '@berth/api/sts/caller.ts'
import { stsNamespace, stsVersion } from '@berth/api/sts/operation-names.ts'
import * as sessions from '@berth/api/sts/sessions.ts'
import { parseForm, readInput } from './query-input.ts'
import { renderError, renderResult } from './xml-output.ts'

/** Stands where the network is: it keeps the body of the last request, and answers with what it was given. */
class Line {
  body = ''
  answer: { status: number; xml: string } = { status: 200, xml: '' }

  async handle(request: { body?: unknown }) {
    this.body = String(request.body)
    const body = new TextEncoder().encode(this.answer.xml)
    return { response: { statusCode: this.answer.status, headers: { 'content-type': 'text/xml' }, body } }
  }
  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): Record<string, never> {
    return {}
  }
}

const line = new Line()
const settings = {
  region: 'us-east-1',
  endpoint: 'http://berth.invalid',
  credentials: { accessKeyId: 'AKIA', secretAccessKey: 'secret' },
  maxAttempts: 1,
  requestHandler: line,
}
const iam = new iamSdk.IAMClient(settings)
const sts = new stsSdk.STSClient(settings)

const services = {
  iam: { namespace: iamNamespace, version: iamVersion },
  sts: { namespace: stsNamespace, version: stsVersion },
} as const

interface Case<I extends StructureShape, O extends StructureShape> {
  service: keyof typeof services
  request: I
  response: O
  input: Infer<I>
  output: Infer<O>
  /** As the client has it; `output` where it is not given. */
  seen?: object
}

/** Sends the input by Amazon's client, compares what was read with it, answers with the output, compares what the client read. */
async function roundTrip<I extends StructureShape, O extends StructureShape>(
  operation: string,
  send: () => Promise<{ $metadata: object }>,
  { service, request, response, input, output, seen }: Case<I, O>,
): Promise<void> {
  const { namespace, version } = services[service]
  const requestId = '8e0bb1a4-5d2c-4f0e-9d0e-3b8f6f0f8b3a'
  line.answer = { status: 200, xml: renderResult({ operation, namespace, shape: response, value: output, requestId }) }
  const { $metadata: _, ...answer } = await send()

  const parameters = parseForm(line.body)
  assert.deepEqual(parameters.slice(0, 2), [
    { name: 'Action', value: operation },
    { name: 'Version', value: version },
  ])
  const read = decode(request, readInput(request, parameters))
  assert.deepEqual(read, input)
  assert.equal(firstViolation(request, read), undefined)
  assert.deepEqual(answer, seen ?? output)
}

const trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}'
const roleArn = 'arn:aws:iam::123456789012:role/ci/deployer'
const createdAt = new Date('2026-01-01T00:00:00Z')

describe('IAM', () => {
  test('CreateRole with tags and every escape, GetRole with times', async () => {
    const input = {
      Path: '/ci/',
      RoleName: 'deployer+=,.@-_',
      AssumeRolePolicyDocument: trust,
      Description: 'a+b %20 & <c> "d" \'e\' \n\r\t ~*()! ÿ=',
      MaxSessionDuration: 3600,
      Tags: [
        { Key: 'team', Value: 'core:co/1 + @=' },
        { Key: 'ключ', Value: '' },
      ],
    }
    const role = {
      Path: '/ci/',
      RoleName: 'deployer',
      RoleId: 'AROAAAAAAAAAAAAAAAAAA',
      Arn: roleArn,
      AssumeRolePolicyDocument: encodeURIComponent(trust),
      Description: input.Description,
      MaxSessionDuration: 3600,
      PermissionsBoundary: {
        PermissionsBoundaryType: 'PermissionsBoundaryPolicy',
        PermissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/edge',
      },
      Tags: input.Tags,
    } as const
    const [CreateDate, LastUsedDate] = [createdAt.getTime() / 1000, 1_767_225_661.75]
    const seen = {
      Role: {
        ...role,
        CreateDate: createdAt,
        RoleLastUsed: { LastUsedDate: new Date('2026-01-01T00:01:01Z'), Region: 'eu-west-1' },
      },
    }
    const output = { Role: { ...role, CreateDate, RoleLastUsed: { LastUsedDate, Region: 'eu-west-1' } } }

    await roundTrip('CreateRole', () => iam.send(new iamSdk.CreateRoleCommand(input)), {
      ...{ service: 'iam', request: roles.CreateRoleRequest, response: roles.CreateRoleResponse },
      ...{ input, output, seen },
    })
    const named = { RoleName: 'deployer' }
    await roundTrip('GetRole', () => iam.send(new iamSdk.GetRoleCommand(named)), {
      ...{ service: 'iam', request: roles.GetRoleRequest, response: roles.GetRoleResponse },
      ...{ input: named, output, seen },
    })
  })

  test('GetUser without a name, ListUsers with an empty page and with a marker', async () => {
    const user = {
      Path: '/',
      UserName: 'ada',
      UserId: 'AIDAAAAAAAAAAAAAAAAAA',
      Arn: 'arn:aws:iam::123456789012:user/ada',
    }
    const stored = { ...user, CreateDate: createdAt.getTime() / 1000 }
    const seen = { ...user, CreateDate: createdAt }
    await roundTrip('GetUser', () => iam.send(new iamSdk.GetUserCommand({})), {
      ...{ service: 'iam', request: users.GetUserRequest, response: users.GetUserResponse },
      ...{ input: {}, output: { User: stored }, seen: { User: seen } },
    })
    const list = (input: users.ListUsersRequest, output: users.ListUsersResponse, seen?: object) =>
      roundTrip('ListUsers', () => iam.send(new iamSdk.ListUsersCommand(input)), {
        ...{ service: 'iam', request: users.ListUsersRequest, response: users.ListUsersResponse },
        ...{ input, output, ...(seen && { seen }) },
      })
    await list({}, { Users: [], IsTruncated: false })
    await list(
      { PathPrefix: '/', Marker: 'a/b+c==', MaxItems: 1 },
      { Users: [stored], IsTruncated: true, Marker: 'd/e+f==' },
      { Users: [seen], IsTruncated: true, Marker: 'd/e+f==' },
    )
  })

  test('CreatePolicyVersion with the longest document, TagRole without tags, DeleteUser without output', async () => {
    const document = `{"Version":"2012-10-17","Statement":[],"Id":"${'+ %&=;"é'.repeat(2000)}"}`
    const input = { PolicyArn: 'arn:aws:iam::123456789012:policy/p', PolicyDocument: document, SetAsDefault: true }
    await roundTrip('CreatePolicyVersion', () => iam.send(new iamSdk.CreatePolicyVersionCommand(input)), {
      ...{
        service: 'iam',
        request: policies.CreatePolicyVersionRequest,
        response: policies.CreatePolicyVersionResponse,
      },
      ...{ input, output: { PolicyVersion: { VersionId: 'v2', IsDefaultVersion: true } } },
    })
    const untagged = { RoleName: 'r', Tags: [] }
    await roundTrip('TagRole', () => iam.send(new iamSdk.TagRoleCommand(untagged)), {
      ...{ service: 'iam', request: roles.TagRoleRequest, response: roles.TagRoleResponse },
      ...{ input: untagged, output: {} },
    })
    await roundTrip('DeleteUser', () => iam.send(new iamSdk.DeleteUserCommand({ UserName: 'ada' })), {
      ...{ service: 'iam', request: users.DeleteUserRequest, response: users.DeleteUserResponse },
      ...{ input: { UserName: 'ada' }, output: {} },
    })
  })

  test('GetOpenIDConnectProvider with lists of texts, CreateOpenIDConnectProvider without them', async () => {
    const input = { Url: 'https://token.actions.githubusercontent.com', ClientIDList: [], ThumbprintList: [] }
    const arn = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com'
    await roundTrip(
      'CreateOpenIDConnectProvider',
      () => iam.send(new iamSdk.CreateOpenIDConnectProviderCommand(input)),
      {
        service: 'iam',
        request: providers.CreateOpenIDConnectProviderRequest,
        response: providers.CreateOpenIDConnectProviderResponse,
        ...{ input, output: { OpenIDConnectProviderArn: arn, Tags: [] } },
      },
    )
    const provider = { Url: 'example.com', ClientIDList: ['a', 'b & c'], ThumbprintList: ['f'.repeat(40)], Tags: [] }
    const named = { OpenIDConnectProviderArn: arn }
    await roundTrip('GetOpenIDConnectProvider', () => iam.send(new iamSdk.GetOpenIDConnectProviderCommand(named)), {
      service: 'iam',
      request: providers.GetOpenIDConnectProviderRequest,
      response: providers.GetOpenIDConnectProviderResponse,
      input: named,
      output: { ...provider, StaticJwks: '{"keys":[]}' },
      // Our own member is nothing to a client that does not know it.
      seen: provider,
    })
  })

  test('GetAccountSummary: a map', async () => {
    const output = {
      SummaryMap: { Users: 3, UsersQuota: 5000, AccountMFAEnabled: 0, AttachedPoliciesPerRoleQuota: 10 },
    }
    await roundTrip('GetAccountSummary', () => iam.send(new iamSdk.GetAccountSummaryCommand({})), {
      ...{ service: 'iam', request: account.GetAccountSummaryRequest, response: account.GetAccountSummaryResponse },
      ...{ input: {}, output },
    })
  })

  test('GetCredentialReport: bytes', async () => {
    const GeneratedTime = createdAt.getTime() / 1000
    await roundTrip('GetCredentialReport', () => iam.send(new iamSdk.GetCredentialReportCommand({})), {
      ...{ service: 'iam', request: account.GetCredentialReportRequest, response: account.GetCredentialReportResponse },
      input: {},
      output: { Content: Buffer.from('user,arn\n').toString('base64'), ReportFormat: 'text/csv', GeneratedTime },
      seen: {
        ...{ Content: new TextEncoder().encode('user,arn\n'), ReportFormat: 'text/csv', GeneratedTime: createdAt },
      },
    })
  })

  test('SimulatePrincipalPolicy: lists in lists, maps in lists', async () => {
    const input = {
      PolicySourceArn: 'arn:aws:iam::123456789012:user/ada',
      PolicyInputList: [trust, '{}'],
      ActionNames: ['ecr:PutImage', 'ecr:BatchGetImage'],
      ResourceArns: ['*'],
      ContextEntries: [
        { ContextKeyName: 'aws:SourceIp', ContextKeyValues: ['10.0.0.1', '::1'], ContextKeyType: 'ipList' as const },
        { ContextKeyName: 'aws:username', ContextKeyValues: [], ContextKeyType: 'string' as const },
      ],
    }
    const matched = {
      SourcePolicyId: 'PolicyInputList.1',
      SourcePolicyType: 'none' as const,
      StartPosition: { Line: 1, Column: 38 },
      EndPosition: { Line: 1, Column: 99 },
    }
    const result = { EvalActionName: 'ecr:PutImage', EvalResourceName: '*', EvalDecision: 'allowed' as const }
    const more = {
      MissingContextValues: [],
      EvalDecisionDetails: { 'IAM Policy': 'allowed' as const, 'Resource & Policy': 'implicitDeny' as const },
      PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false },
    }
    await roundTrip('SimulatePrincipalPolicy', () => iam.send(new iamSdk.SimulatePrincipalPolicyCommand(input)), {
      service: 'iam',
      request: simulation.SimulatePrincipalPolicyRequest,
      response: simulation.SimulatePrincipalPolicyResponse,
      input,
      output: {
        EvaluationResults: [
          { ...result, MatchedStatements: [{ ...matched, Sid: 's', Effect: 'Allow', StatementIndex: 0 }], ...more },
          { ...result, MatchedStatements: [], ...more },
        ],
        IsTruncated: false,
      },
      seen: {
        EvaluationResults: [
          { ...result, MatchedStatements: [matched], ...more },
          { ...result, MatchedStatements: [], ...more },
        ],
        IsTruncated: false,
      },
    })
  })

  test('an error', async () => {
    const message = 'The role with name <r> & "co" cannot be found.'
    const namespace = iamNamespace
    line.answer = {
      status: 404,
      xml: renderError({ namespace, type: 'Sender', code: 'NoSuchEntity', message, requestId: 'r' }),
    }
    await assert.rejects(iam.send(new iamSdk.GetRoleCommand({ RoleName: 'r' })), (error) => {
      assert.ok(error instanceof iamSdk.NoSuchEntityException)
      assert.equal(error.message, message)
      return true
    })
  })
})

describe('STS', () => {
  const given = {
    AccessKeyId: 'ASIAAAAAAAAAAAAAAAAA',
    SecretAccessKey: 's'.repeat(40),
    SessionToken: 'b+/='.repeat(300),
  }
  const issued = { ...given, Expiration: createdAt.getTime() / 1000 }
  const received = { ...given, Expiration: createdAt }

  test('AssumeRole with policies, tags and keys', async () => {
    const input = {
      RoleArn: roleArn,
      RoleSessionName: 'GitHubActions',
      PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }, { arn: 'arn:aws:iam::123456789012:policy/p' }],
      Policy: trust,
      DurationSeconds: 900,
      Tags: [{ Key: 'Repository', Value: 'team/app' }],
      TransitiveTagKeys: ['Repository'],
      ExternalId: 'a:b/c',
      SourceIdentity: 'ada',
    }
    const AssumedRoleUser = {
      AssumedRoleId: 'AROAAAAAAAAAAAAAAAAAA:GitHubActions',
      Arn: 'arn:aws:sts::123456789012:assumed-role/deployer/GitHubActions',
    }
    const rest = { AssumedRoleUser, PackedPolicySize: 6, SourceIdentity: 'ada' }
    await roundTrip('AssumeRole', () => sts.send(new stsSdk.AssumeRoleCommand(input)), {
      ...{ service: 'sts', request: sessions.AssumeRoleRequest, response: sessions.AssumeRoleResponse },
      ...{ input, output: { Credentials: issued, ...rest }, seen: { Credentials: received, ...rest } },
    })
    const bare = { RoleArn: roleArn, RoleSessionName: 'x1', PolicyArns: [], Tags: [], TransitiveTagKeys: [] }
    await roundTrip('AssumeRole', () => sts.send(new stsSdk.AssumeRoleCommand(bare)), {
      ...{ service: 'sts', request: sessions.AssumeRoleRequest, response: sessions.AssumeRoleResponse },
      ...{ input: bare, output: { Credentials: issued }, seen: { Credentials: received } },
    })
  })

  test('AssumeRoleWithWebIdentity', async () => {
    const input = { RoleArn: roleArn, RoleSessionName: 'ci', WebIdentityToken: 'e30.e30.c2ln_-' }
    const rest = { SubjectFromWebIdentityToken: 'repo:team/app:ref:refs/heads/main', Audience: 'sts.amazonaws.com' }
    await roundTrip('AssumeRoleWithWebIdentity', () => sts.send(new stsSdk.AssumeRoleWithWebIdentityCommand(input)), {
      service: 'sts',
      request: sessions.AssumeRoleWithWebIdentityRequest,
      response: sessions.AssumeRoleWithWebIdentityResponse,
      ...{ input, output: { Credentials: issued, ...rest }, seen: { Credentials: received, ...rest } },
    })
  })

  test('GetCallerIdentity', async () => {
    const output = { UserId: '123456789012', Account: '123456789012', Arn: 'arn:aws:iam::123456789012:root' }
    await roundTrip('GetCallerIdentity', () => sts.send(new stsSdk.GetCallerIdentityCommand({})), {
      ...{ service: 'sts', request: caller.GetCallerIdentityRequest, response: caller.GetCallerIdentityResponse },
      ...{ input: {}, output },
    })
  })

  test('an error of the sender and one of ours', async () => {
    const rows = [
      ['Sender', 403, 'AccessDenied'],
      ['Sender', 400, 'ExpiredTokenException'],
      ['Receiver', 500, 'ServiceFailure'],
    ] as const
    for (const [type, status, code] of rows) {
      const options = { namespace: stsNamespace, type, code, message: `${code}: why`, requestId: 'r' }
      line.answer = { status, xml: renderError(options) }
      await assert.rejects(sts.send(new stsSdk.GetCallerIdentityCommand({})), (error) => {
        assert.ok(error instanceof stsSdk.STSServiceException)
        assert.deepEqual([error.name, error.message], [code, `${code}: why`])
        return true
      })
    }
  })
})
