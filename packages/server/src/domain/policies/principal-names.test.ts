import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { alice, away, githubProvider, grant, home, idOf, session, user } from '../../../test/support/policies.ts'
import { parsePolicy } from './parse-policy.ts'
import type { PolicyDocument, PrincipalType } from './policy-document.ts'
import { bindPrincipals, parsePrincipal, renderBoundPolicy } from './principal-names.ts'

describe('IAM policy elements: Principal', () => {
  const rows: [PrincipalType, string, string | undefined][] = [
    ['AWS', '*', 'everyone'],
    ['AWS', home, 'account'],
    ['AWS', `arn:aws:iam::${home}:root`, 'account'],
    ['AWS', `arn:aws-cn:iam::${home}:root`, 'account'],
    ['AWS', `arn:aws:iam::${home}:user/alice`, 'user'],
    ['AWS', `arn:aws:iam::${home}:user/team/a.b@c=d,e+f-g_h`, 'user'],
    ['AWS', `arn:aws:iam::${home}:role/service-role/ci`, 'role'],
    ['AWS', `arn:aws:sts::${home}:assumed-role/ci/job`, 'session'],
    ['AWS', `arn:aws:sts::${home}:federated-user/feddy`, 'federated-user'],
    ['AWS', 'AIDA2222222222222222X', 'id'],
    ['AWS', 'AROA2222222222222222X', 'id'],
    ['AWS', 'AROA2222222222222222X:job', 'id'],
    ['Service', 'ecr.amazonaws.com', 'service'],
    ['Service', 'replication.ecr.amazonaws.com', 'service'],
    ['Service', 'ec2.amazonaws.com.cn', 'service'],
    ['Federated', githubProvider, 'provider'],
    ['Federated', `arn:aws:iam::${home}:saml-provider/corp`, 'provider'],
    ['Federated', 'accounts.google.com', 'provider'],
    ['AWS', '', undefined],
    ['AWS', '**', undefined],
    ['AWS', '11112222333', undefined],
    ['AWS', '1111222233334', undefined],
    ['AWS', `arn:aws:iam::${home}:*`, undefined],
    ['AWS', `arn:aws:iam::${home}:user/*`, undefined],
    ['AWS', `arn:aws:iam::${home}:user/a?b`, undefined],
    ['AWS', `arn:aws:iam::*:root`, undefined],
    ['AWS', `arn:aws:iam::${home}:user/`, undefined],
    ['AWS', `arn:aws:iam::${home}:user/a//b`, undefined],
    ['AWS', `arn:aws:iam::${home}:group/dev`, undefined],
    ['AWS', `arn:aws:iam::${home}:policy/p`, undefined],
    ['AWS', `arn:aws:iam:eu-west-1:${home}:user/a`, undefined],
    ['AWS', `arn:aws:sts::${home}:user/a`, undefined],
    ['AWS', `arn:aws:sts::${home}:root`, undefined],
    ['AWS', `arn:aws:sts::${home}:assumed-role/ci`, undefined],
    ['AWS', `arn:aws:sts::${home}:assumed-role/path/ci/job`, undefined],
    ['AWS', `arn:gcp:iam::${home}:root`, undefined],
    ['AWS', `arn:aws:iam::${home}:user/\${aws:username}`, undefined],
    ['AWS', 'AGPA2222222222222222X', undefined],
    ['AWS', 'AIDA222222222222222!X', undefined],
    ['Service', '*', undefined],
    ['Service', '*.amazonaws.com', undefined],
    ['Service', 'ecr.example.com', undefined],
    ['Service', 'amazonaws.com', undefined],
    ['Federated', '*', undefined],
    ['Federated', `arn:aws:iam::${home}:oidc-provider/*`, undefined],
    ['CanonicalUser', 'ab12', undefined],
  ]
  for (const [type, text, kind] of rows) {
    test(`${type} ${text} is ${kind}`, () => assert.equal(parsePrincipal({ type, text })?.kind, kind))
  }
})

function repositoryPolicy(...principals: string[]): PolicyDocument {
  const parsed = parsePolicy(JSON.stringify({ Statement: grant({ AWS: principals }) }), 'repository')
  assert.ok(parsed.ok)
  return parsed.document
}

describe('principals of a stored policy', () => {
  const ci = session('ci')
  const document = repositoryPolicy(alice.arn, ci.roleArn, ci.arn, away, '*')
  const find: Parameters<typeof bindPrincipals>[1] = (name) =>
    name.kind === 'user' || name.kind === 'role' || name.kind === 'session' ? idOf(name.arn) : 'here'

  test('are bound to unique ids', () => {
    const { ids, unknown } = bindPrincipals(document, find)
    assert.deepEqual(
      [...ids],
      [
        [alice.arn, user('alice').userId],
        [ci.roleArn, ci.roleId],
        [ci.arn, `${ci.roleId}:job`],
      ],
    )
    assert.deepEqual(unknown, [])
  })

  test('that do not exist are told, accounts among them', () => {
    const gone = `arn:aws:iam::${home}:user/gone`
    const { unknown } = bindPrincipals(repositoryPolicy(gone, away, alice.arn), (name) =>
      name.kind === 'account' ? undefined : find(name),
    )
    assert.deepEqual(unknown, [`"AWS":"${gone}"`, `"AWS":"${away}"`])
  })

  test('are shown by the ARN they have now, and by their ids when they are gone', () => {
    const { ids } = bindPrincipals(document, find)
    const text = renderBoundPolicy(document, ids, (id) =>
      id === user('alice').userId ? `arn:aws:iam::${home}:user/new-path/alice` : undefined,
    )
    assert.deepEqual(JSON.parse(text).Statement[0].Principal, {
      AWS: [`arn:aws:iam::${home}:user/new-path/alice`, ci.roleId, `${ci.roleId}:job`, away, '*'],
    })
  })

  test('that were written as ids are shown as ARNs', () => {
    const text = renderBoundPolicy(repositoryPolicy(ci.roleId), new Map(), () => ci.roleArn)
    assert.deepEqual(JSON.parse(text).Statement[0].Principal, { AWS: ci.roleArn })
  })
})
