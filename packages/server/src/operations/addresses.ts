// By which names clients reach a registry: the template of `BERTH_REGISTRY_HOST`, filled in.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Log } from '../base/log.ts'

export interface Addresses {
  /** `<host>[:port]`, what image names begin with. */
  registryHost(registry: RegistryName): string
  /** The same with its scheme. */
  proxyEndpoint(registry: RegistryName): string
}

/**
 * Where the template has no `{account}` (or `{region}`), all registries have the name of the first: then a docker client reaches one by its
 * token alone, and none of another account. That is logged once, when the first of the others is asked for.
 */
export function createAddresses(parts: {
  /** Asked each time: the port may not be known at the start. */
  host: () => { template: string; scheme: string }
  home: RegistryName
  log: Log
}): Addresses {
  const { host, home, log } = parts
  let isTold = false

  function registryHost(registry: RegistryName): string {
    const { template } = host()
    const isAlike =
      (registry.accountId !== home.accountId && !template.includes('{account}')) ||
      (registry.region !== home.region && !template.includes('{region}'))
    if (isAlike && !isTold) {
      isTold = true
      log.warn(
        { ...registry, template },
        'two registries have one host name: give BERTH_REGISTRY_HOST {account} and {region}, as {account}.dkr.ecr.{region}.example.com, to tell them apart',
      )
    }
    return template.replaceAll('{account}', registry.accountId).replaceAll('{region}', registry.region)
  }

  return { registryHost, proxyEndpoint: (registry) => `${host().scheme}://${registryHost(registry)}` }
}
