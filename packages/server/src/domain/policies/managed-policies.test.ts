import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { managedPolicies } from './managed-policies.ts'
import { parsePolicy } from './parse-policy.ts'

describe("AWS's managed policies", () => {
  for (const { arn, document, policyId } of managedPolicies.values()) {
    test(`${arn} is a policy that an account could have written itself`, () => {
      const parsed = parsePolicy(document, 'identity', { requires2012: true })
      assert.ok(parsed.ok, JSON.stringify(parsed))
      assert.match(policyId, /^ANPA[A-Z2-7]{17}$/)
    })
  }

  test('ids are unique', () => {
    const ids = [...managedPolicies.values()].map(({ policyId }) => policyId)
    assert.equal(new Set(ids).size, ids.length)
  })
})
