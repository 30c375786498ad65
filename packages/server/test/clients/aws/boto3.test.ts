// boto3 against a served registry. The judge itself is Python, in boto3_judge.py; here each of its cases becomes a test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { provingGround } from '../../support/proving-ground.ts'
import { run, skippedAloud, tool } from '../../support/tool.ts'
import { ownSettings } from './own-settings.ts'

const judge = fileURLToPath(new URL('boto3_judge.py', import.meta.url))

interface Verdict {
  name?: string
  failure?: string
  skip?: string
  end?: number
}

const python = tool('python3')
const version = python.skip === false ? await run(python, ['-c', 'import boto3; print(boto3.__version__)']) : undefined
const skip = python.skip || (version?.code === 0 ? false : skippedAloud('boto3', `${python.path} cannot import boto3`))

test(`boto3 ${version?.stdout.trim() ?? ''}`, { skip, timeout: 300_000 }, async (t) => {
  const ground = await provingGround()
  t.after(() => ground.close())
  const { server } = ground
  const outcome = await run(python, [judge], {
    timeoutMs: 280_000,
    env: {
      ...ownSettings,
      JUDGE_URL: server.url,
      JUDGE_ACCOUNT: server.accountId,
      JUDGE_ACCESS_KEY_ID: server.accessKeyId,
      JUDGE_SECRET_ACCESS_KEY: server.secretAccessKey,
    },
  })
  const verdicts = outcome.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Verdict)
  for (const verdict of verdicts) {
    if (verdict.name === undefined) continue
    await t.test(verdict.name, (t) => {
      if (verdict.skip) t.skip(skippedAloud(verdict.name ?? '', verdict.skip))
      else if (verdict.failure) assert.fail(verdict.failure)
    })
  }
  assert.equal(verdicts.at(-1)?.end, verdicts.length - 1, `every case reported: ${outcome.stderr}`)
  assert.equal(outcome.code, 0, outcome.stderr)
})
