import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { configurationPage, renderConfiguration } from './config-reference.ts'

it('docs/configuration.md is what the table of settings says (config-reference.ts --write makes it)', () => {
  assert.equal(readFileSync(configurationPage, 'utf8'), renderConfiguration())
})
