// boto3 against a served registry: the operations of ECR. The judge itself is boto3_judge.py.

import { test } from 'node:test'
import { provingGround } from '../../support/proving-ground.ts'
import { boto3, pythonJudge, skip } from './python-judge.ts'

test(`${boto3}: ECR`, { skip, timeout: 300_000 }, async (t) => {
  const ground = await provingGround()
  t.after(() => ground.close())
  await pythonJudge(t, 'boto3_judge.py', ground.server)
})
