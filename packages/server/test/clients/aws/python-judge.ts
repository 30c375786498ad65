// Runs a judge that is written in Python (judge.py) and makes each of its cases a test.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ServedRegistry } from '../../support/serve.ts'
import { run, skippedAloud, tool } from '../../support/tool.ts'
import { ownSettings } from './own-settings.ts'

interface Verdict {
  name?: string
  failure?: string
  skip?: string
  end?: number
}

const python = tool('python3')
const found = python.skip === false ? await run(python, ['-c', 'import boto3; print(boto3.__version__)']) : undefined

/** Such as `boto3 1.43.11`. */
export const boto3 = `boto3 ${found?.stdout.trim() ?? ''}`
export const skip =
  python.skip || (found?.code === 0 ? false : skippedAloud('boto3', `${python.path} cannot import boto3`))

/** `script` is a file of this folder. */
export async function pythonJudge(
  t: TestContext,
  script: string,
  server: ServedRegistry,
  env: Record<string, string> = {},
): Promise<void> {
  const outcome = await run(python, [fileURLToPath(new URL(script, import.meta.url))], {
    timeoutMs: 280_000,
    env: {
      ...ownSettings,
      PYTHONDONTWRITEBYTECODE: '1',
      JUDGE_URL: server.url,
      JUDGE_ACCOUNT: server.accountId,
      JUDGE_ACCESS_KEY_ID: server.accessKeyId,
      JUDGE_SECRET_ACCESS_KEY: server.secretAccessKey,
      ...env,
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
}
