// What one decision costs. By hand: node_modules/.bin/node packages/server/bench/policies/evaluate.ts

import { performance } from 'node:perf_hooks'
import { type ContextInputs, createContextKeys } from '../../src/domain/policies/context-keys.ts'
import { evaluate, type PolicySet } from '../../src/domain/policies/evaluate.ts'
import { compileBundle, emptyBundle } from '../../src/domain/policies/policy-bundle.ts'
import {
  alice,
  allow,
  app,
  bundle,
  compiled,
  deny,
  grant,
  home,
  refuse,
  type Statement,
} from '../../test/support/policies.ts'

const repositories = `arn:aws:ecr:*:${home}:repository`
const pull = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability']
const push = ['ecr:PutImage', 'ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload']

/** What a team's user has: sign-in, reading, writing by tag and address, and a handful of denies. */
const realistic: Statement[] = [
  allow({ Action: 'ecr:GetAuthorizationToken' }),
  allow({ Action: ['ecr:Describe*', 'ecr:List*'], Resource: `${repositories}/*` }),
  allow({ Action: ['ecr:Get*Policy*', 'ecr:GetRegistry*'] }),
  allow({ Action: 'iam:Get*', Resource: `arn:aws:iam::${home}:user/\${aws:username}` }),
  allow({ Action: 'sts:AssumeRole', Resource: `arn:aws:iam::${home}:role/deploy-*` }),
  allow({ Action: pull, Resource: `${repositories}/base/*` }),
  allow({ Action: pull, Resource: `${repositories}/\${aws:username}/*` }),
  allow({
    Action: pull,
    Resource: `${repositories}/*`,
    Condition: {
      StringEquals: { 'ecr:ResourceTag/team': `\${aws:PrincipalTag/team}` },
      IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.0.2.0/24', '2001:db8::/32'] },
    },
  }),
  allow({ Action: push, Resource: `${repositories}/\${aws:PrincipalTag/team}/*` }),
  allow({ Action: 'ecr:*', Resource: `${repositories}/sandbox/*` }),
  deny({ Action: ['ecr:Delete*', 'ecr:Put*Policy'] }),
  deny({ Action: 'ecr:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
  deny({ Action: '*', Condition: { StringNotEquals: { 'aws:RequestedRegion': ['eu-west-1', 'eu-central-1'] } } }),
]
const repositoryPolicy = [
  grant({ AWS: `arn:aws:iam::${home}:role/ci` }, { Action: pull }),
  grant({ AWS: '444455556666' }, { Action: pull, Condition: { StringLike: { 'aws:PrincipalArn': '*:role/reader*' } } }),
  refuse('*', { Action: 'ecr:DeleteRepository' }),
]

const inputs: ContextInputs = {
  caller: alice,
  now: Date.UTC(2026, 10, 24),
  region: 'eu-west-1',
  resourceAccountId: home,
  isSecureTransport: true,
  sourceIp: '192.0.2.77',
  userAgent: 'docker/28.1',
  principalTags: [
    { key: 'team', value: 'platform' },
    { key: 'cost', value: '7' },
  ],
  resourceTags: () => [{ key: 'team', value: 'platform' }],
}

/** One statement for each of many repositories, the wanted one last. */
const many = (count: number): Statement[] => [
  ...Array.from({ length: count - 1 }, (_, i) => allow({ Action: pull, Resource: `${repositories}/other-${i}/*` })),
  allow({ Action: pull, Resource: `${repositories}/app` }),
]
/** The same for actions of other kinds, which the index leaves out. */
const aside = (count: number): Statement[] => [
  ...Array.from({ length: count - 1 }, (_, i) => allow({ Action: push, Resource: `${repositories}/other-${i}/*` })),
  allow({ Action: pull, Resource: `${repositories}/app` }),
]

function measure(what: string, set: PolicySet, keepsContext = false, resources = [app]): void {
  const kept = createContextKeys(inputs)
  let turn = 0
  const once = () =>
    evaluate(
      {
        caller: alice,
        action: 'ecr:BatchGetImage',
        resource: resources[turn++ % resources.length] ?? app,
        resourceAccountId: home,
        context: keepsContext ? kept : createContextKeys(inputs),
      },
      set,
    )
  if (once().decision !== 'allow') throw new Error(`${what}: not allowed`)
  for (let i = 0; i < 20_000; i++) once()
  // The best of many short batches: whatever else the machine does falls between some of them.
  const batch = 1000
  const best = Math.min(
    ...Array.from({ length: 100 }, () => {
      const start = performance.now()
      for (let i = 0; i < batch; i++) once()
      return (performance.now() - start) / batch
    }),
  )
  console.log(`${what.padEnd(64)} ${(best * 1000).toFixed(2).padStart(8)} µs`)
}

const none: PolicySet = { identity: emptyBundle, guards: [], resource: emptyBundle }
const whole: PolicySet = {
  identity: bundle('identity', realistic),
  guards: [],
  resource: bundle('repository', repositoryPolicy),
}
measure('one statement', { ...none, identity: bundle('identity', allow()) })
measure('13 identity and 3 repository statements, context reused', whole, true)
measure('13 identity and 3 repository statements, context made', whole)
measure('the same with boundary and session policy', {
  ...whole,
  guards: [
    { kind: 'boundary', bundle: bundle('boundary', realistic) },
    { kind: 'session', bundle: bundle('session', realistic) },
  ],
})
for (const count of [200, 500]) {
  measure(`${count} statements, all about the action`, { ...none, identity: bundle('identity', many(count)) })
  measure(`${count} statements, one about the action`, { ...none, identity: bundle('identity', aside(count)) })
}

const strange = Array.from({ length: 1000 }, (_, i) => `arn:aws:ecr:eu-west-1:${home}:repository/app/${i}`)
const manyOfApp = [...many(500), allow({ Action: pull, Resource: `${repositories}/app/*` })]
measure(
  '500 statements, another repository each time',
  { ...none, identity: bundle('identity', manyOfApp) },
  true,
  strange,
)

const start = performance.now()
for (let i = 0; i < 50; i++) compileBundle([compiled('identity', realistic), compiled('repository', repositoryPolicy)])
console.log(
  `${'parsing and compiling these two policies'.padEnd(64)} ${((performance.now() - start) * 20).toFixed(0).padStart(8)} µs`,
)
