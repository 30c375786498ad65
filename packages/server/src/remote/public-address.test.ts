import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPublicAddress } from './public-address.ts'

const publicOnes = [
  ...[
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
  ],
  ...['168.63.129.15', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.0', '192.0.3.0'],
  ...[
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '198.51.99.255',
    '203.0.114.0',
    '223.255.255.255',
  ],
  ...['2606:4700:4700::1111', '2001:200::1', '2a00:1450:4001::200e', '2003::', '3ffe:ffff::1', '3fff:1000::'],
  ...['::ffff:8.8.8.8', '::ffff:808:808', '0:0:0:0:0:ffff:0808:0808'],
]

const others = [
  // IPv4: this network, private, carrier-grade NAT, loopback, link-local and metadata
  ...['0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.100.100.200', '100.127.255.255'],
  ...['127.0.0.1', '127.255.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255', '168.63.129.16'],
  ...['172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
  // IPv4: assignments, documentation, 6to4 relays, benchmarking, multicast, reserved, broadcast
  ...[
    '192.0.0.1',
    '192.0.0.192',
    '192.0.2.1',
    '192.88.99.1',
    '198.18.0.0',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
  ],
  ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
  // IPv6: unspecified, loopback, compatible, unique local, link-local, site-local, multicast
  ...[
    '::',
    '::1',
    '::7f00:1',
    '::127.0.0.1',
    'fc00::1',
    'fd00:ec2::254',
    'fdff:ffff::',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
  ],
  // IPv6: NAT64, discard, Teredo, benchmarking, ORCHID, documentation, 6to4, segment routing
  ...[
    '64:ff9b::a00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:4136:e378::',
    '2001:2::1',
    '2001:20::1',
  ],
  ...[
    '2001:1ff:ffff::',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:808:808::',
    '3fff::1',
    '3fff:fff::',
    '5f00::1',
    '4000::1',
  ],
  // IPv4 written as IPv6
  ...[
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::FFFF:A9FE:A9FE',
    '0:0:0:0:0:ffff:c0a8:0101',
    '::ffff:0:0',
  ],
  // Not addresses
  ...[
    '',
    'localhost',
    '8.8.8',
    '8.8.8.8.8',
    '0x8.8.8.8',
    '08.8.8.8',
    '134744072',
    '[::1]',
    '2606:4700::1%eth0',
    'fe80::1%1',
    '8.8.8.8 ',
  ],
]

describe('the public internet', () => {
  for (const address of publicOnes) it(`has ${address}`, () => assert.equal(isPublicAddress(address), true))
  for (const address of others) it(`does not have "${address}"`, () => assert.equal(isPublicAddress(address), false))
})
