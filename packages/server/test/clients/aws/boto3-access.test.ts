// boto3 against a served registry: IAM and STS, and what they decide for ECR. The judge itself is boto3_access_judge.py.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { iamOperationNames } from '@berth/api/iam/operation-names.ts'
import { stsOperationNames } from '@berth/api/sts/operation-names.ts'
import { createOidcProvider, whyNoOidcProvider } from '../../support/oidc-provider.ts'
import { provingGround } from '../../support/proving-ground.ts'
import { boto3, pythonJudge, skip } from './python-judge.ts'

test(`${boto3}: IAM and STS`, { skip: skip || whyNoOidcProvider, timeout: 300_000 }, async (t) => {
  const provider = await createOidcProvider()
  t.after(() => provider.close())
  const ground = await provingGround({
    env: { BERTH_OIDC_ALLOWED_HOSTS: provider.host, BERTH_OIDC_CA_FILE: provider.caFile },
  })
  t.after(() => ground.close())
  const stranger = await createOidcProvider()
  t.after(() => stranger.close())
  const tokens: Record<string, string> = {
    main: provider.issue(),
    branch: provider.issue({ sub: 'repo:org/app:ref:refs/heads/branch' }),
    environment: provider.issue({ sub: 'repo:org/app:environment:live' }),
    old: provider.issue({}, { now: Date.now() - 3_600_000 }),
    'other-audience': provider.issue({ aud: 'another' }),
    forged: provider.issue({}, { key: stranger.signingKey('RS256').key }),
  }
  const files = Object.entries(tokens).map(([name, token]) => {
    const path = join(ground.folder, `${name}.token`)
    writeFileSync(path, token)
    return [name, path]
  })
  await pythonJudge(t, 'boto3_access_judge.py', ground.server, {
    JUDGE_ISSUER: provider.url,
    JUDGE_TOKENS: JSON.stringify(Object.fromEntries(files)),
    JUDGE_OPERATIONS: JSON.stringify([
      ...iamOperationNames.map((name) => `iam:${name}`),
      ...stsOperationNames.map((name) => `sts:${name}`),
    ]),
  })
})
