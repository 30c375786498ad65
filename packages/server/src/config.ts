// The settings of Berth: one table, from which come the parsed configuration, the flags of the command and their help, and
// `docs/configuration.md`. A flag wins over the environment, which wins over the file. All mistakes are reported together, each with
// the name under which the operator gave the setting. Nothing is accepted that would do nothing: what this version does not serve yet
// is refused unless it says what happens anyway.

import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type AccountId, parseAccountId, parseRegion, type Region } from '@berth/api/names/registry.ts'
import { nearest } from './base/nearest.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
export type Durability = 'full' | 'relaxed'

export interface Address {
  /** A name or an address, IPv6 without brackets. */
  host: string
  /** 0: the system picks one. */
  port: number
}

/** How clients name a registry: a host over `{account}` and `{region}`, such as `{account}.dkr.ecr.{region}.example.com`. */
export interface RegistryHost {
  template: string
  scheme?: 'http' | 'https'
}

export interface Config {
  isDev: boolean
  listen: Address
  isLoopback: boolean
  /** Absolute. */
  dataDir: string
  /** `--dev` without a data directory: made at the start, removed at the end. */
  isDataDirTemporary: boolean
  accountId: AccountId
  region: Region
  /** The regions served; undefined: any that is named like one. Always contains `region`. */
  regions?: readonly Region[]
  /** Undefined: `localhost:<port>` on loopback, `<host>:<port>` elsewhere; see `registryHostOf`. */
  registryHost: RegistryHost | undefined
  /** The first administrator's key, used at the first start only. */
  bootstrap?: { accessKeyId: string; secretAccessKey: string }
  /** The text of `BERTH_MASTER_KEY`; at most one of this and `masterKeyFile` is there. */
  masterKey?: string
  masterKeyFile?: string
  tls?: { certFile: string; keyFile: string }
  isInsecureHttpAllowed: boolean
  trustedProxies: BlockList
  /** Undefined: `/metrics` is on the main listener when that is loopback, and nowhere otherwise. */
  metricsListen?: Address
  durability: Durability
  uploadTtlMs: number
  logLevel: LogLevel
}
