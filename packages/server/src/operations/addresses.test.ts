import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Log } from '../base/log.ts'
import { createAddresses } from './addresses.ts'

const registry = (accountId: string, region: string) => ({ accountId, region }) as RegistryName
const home = registry('111122223333', 'us-east-1')

for (const [template, others, warnings] of [
  ['localhost:5000', [home], 0],
  ['localhost:5000', [registry('444455556666', 'us-east-1'), registry('444455556666', 'us-east-1')], 1],
  ['localhost:5000', [registry('111122223333', 'eu-west-1')], 1],
  ['{account}.example.com', [registry('444455556666', 'us-east-1')], 0],
  ['{account}.example.com', [registry('111122223333', 'eu-west-1')], 1],
  ['{account}.dkr.ecr.{region}.example.com', [registry('444455556666', 'eu-west-1')], 0],
] as const) {
  test(`${template} for ${others.map((one) => `${one.accountId} in ${one.region}`).join(', ')}: ${warnings} warnings`, () => {
    let told = 0
    const log = { warn: () => void told++ } as unknown as Log
    const addresses = createAddresses({ host: () => ({ template, scheme: 'https' }), home, log })
    for (const one of others) {
      const name = template.replace('{account}', one.accountId).replace('{region}', one.region)
      assert.equal(addresses.registryHost(one), name)
      assert.equal(addresses.proxyEndpoint(one), `https://${name}`)
    }
    assert.equal(told, warnings)
  })
}
