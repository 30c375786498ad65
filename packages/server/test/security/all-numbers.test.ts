// Each of the 54 attacks of docs/design/security-tests.md has a test with its number in the title, or waits there for the feature that
// it attacks. A number in neither place fails, and so does one in both.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../../..', import.meta.url))
const table = join(packages, '../docs/design/security-tests.md')

test('every attack has its test, or says what it waits for', () => {
  const titles = readdirSync(packages, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
    .flatMap((name) => [...readFileSync(join(packages, name), 'utf8').matchAll(/security tests? ([\d, and]+):/g)])
    .flatMap(([, numbers = '']) => numbers.split(/[, ]+|and/).filter((word) => word !== ''))
  const rows = [...readFileSync(table, 'utf8').matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)]
  assert.deepEqual(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: 54 }, (_, n) => n + 1),
  )
  const waiting = rows.filter(([, , where = '']) => where.startsWith('waits for')).map(([, number]) => number)
  const tested = new Set(titles)
  assert.deepEqual(
    rows.map(([, number]) => number).filter((number = '') => tested.has(number) === waiting.includes(number)),
    [],
    'neither tested nor waiting, or both',
  )
})
