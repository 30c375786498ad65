import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorText, withoutSecrets } from './error-text.ts'

test('what is kept of a failure has no secret', () => {
  for (const [text, kept] of [
    ['GET https://user:pa55@registry.example/v2/ said 401', 'GET https://…@registry.example/v2/ said 401'],
    ['https://s3.example/b/k?X-Amz-Signature=abc&x=1 is gone', 'https://s3.example/b/k?… is gone'],
    ['postgres://berth:secret@db:5432/berth refused', 'postgres://…@db:5432/berth refused'],
    ['sent "Authorization: Bearer abc.def.ghi" twice', 'sent "Authorization: Bearer …" twice'],
    ['Basic QVdTOnNlY3JldA==', 'Basic …'],
    ['{"password":"hunter2","user":"x"}', '{"password":…","user":"x"}'],
    ['secretAccessKey=wJalrXUtnFEMI/K7', 'secretAccessKey=…'],
    ['the key AKIAIOSFODNN7EXAMPLE is unknown', 'the key … is unknown'],
    ['a plain sentence: nothing to hide', 'a plain sentence: nothing to hide'],
  ] as const) {
    assert.equal(withoutSecrets(text), kept)
  }
})

test('a failure is one bounded line, with its causes', () => {
  const cause = Object.assign(new Error('connect\nfailed'), { code: 'ECONNREFUSED' })
  assert.equal(
    errorText(new TypeError('fetch failed', { cause })),
    'TypeError: fetch failed, because Error: connect failed (ECONNREFUSED)',
  )
  assert.equal(errorText('a text'), 'a text')
  assert.equal(errorText(undefined), '')
  assert.equal(errorText(new Error('x'.repeat(10_000))).length, 500)
  const loop: Error & { cause?: unknown } = new Error('round')
  loop.cause = loop
  assert.equal(errorText(loop).match(/round/g)?.length, 4)
})
