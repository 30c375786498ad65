// Which addresses belong to the public internet (IANA's registries of special-purpose addresses). A server that fetches what tenants name
// must not reach the machines beside it for them.

import { BlockList, isIP } from 'node:net'

const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT, and the metadata service of Alibaba Cloud
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // Azure's own service on each machine
  ['169.254.0.0', 16], // link-local, and the metadata services of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // IETF protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
}

// All of IPv6 that is routed publicly. Outside are loopback, unique local and link-local addresses, multicast, and NAT64
// (64:ff9b::/96, 64:ff9b:1::/48), behind which any IPv4 address may be.
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

for (const [network, prefix] of [
  ['2001::', 23], // IETF protocol assignments: Teredo, benchmarking, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address in disguise
  ['3fff::', 20], // documentation
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}

/** Addresses of IPv4 that are written as IPv6: `::ffff:10.0.0.1` is `10.0.0.1`. */
const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', 96, 'ipv6')

/** An address as `node:net` reads it. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 0 || address.includes('%')) return false
  if (version === 4) return !special.check(address, 'ipv4')
  // Rules of IPv4 hold for mapped addresses too (Node, `blockList.check`).
  if (mapped.check(address, 'ipv6')) return !special.check(address, 'ipv6')
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
}
