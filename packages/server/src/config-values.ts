// The values of settings: text to value, or a `Mistake` that says what is wrong with it.

import { X509Certificate } from 'node:crypto'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { parseRegion, type Region } from '@berth/api/names/registry.ts'
import { systemErrorCode } from './base/errors.ts'

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

/** Where a value came from: how the operator calls the setting there, and the folder that relative paths start from. */
export interface Origin {
  name: string
  folder: string
  readFile(path: string): string
}

/** What is wrong with one value; the sentence goes on after "BERTH_X ". */
export class Mistake extends Error {}

export function refuse(message: string): never {
  throw new Mistake(message)
}

export function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

export function oneOf<T extends string>(text: string, values: readonly T[]): T {
  return (
    values.find((value) => value === text) ??
    refuse(`is "${text}", not ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`)
  )
}

export function parseSwitch(text: string): boolean {
  return oneOf(text, ['true', 'false']) === 'true'
}

export function parseAddress(text: string): Address {
  const parts = /^(?:\[(?<bracketed>[^\]]+)\]:|(?<plain>[^:[\]]*):)?(?<port>\d{1,5})$/.exec(text)?.groups
  const port = Number(parts?.port)
  const host = parts?.bracketed ?? (parts?.plain || '127.0.0.1')
  const isHost = parts?.bracketed === undefined ? isIPv4(host) || isHostName(host) : isIP(host) === 6
  if (!parts || port > 65_535 || !isHost) {
    return refuse(`is "${text}", not an address and a port, such as 127.0.0.1:5000, [::1]:5000 or 0.0.0.0:443`)
  }
  return { host: host.toLowerCase(), port }
}

/** A name of labels, of which the last is not a number: `127.0.0.300` is neither an address nor a name. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)
  )
}

export function parseRegionName(text: string): Region {
  return (
    parseRegion(text) ?? refuse(`holds "${text}", which is not named like a region: us-east-1, eu-central-1, local-1`)
  )
}

export function parseRegistryHost(text: string): RegistryHost {
  const parts = /^(?:(?<scheme>https?):\/\/)?(?<template>[^/]+)\/?$/.exec(text)?.groups
  const template = parts?.template ?? ''
  const example = template.replaceAll('{account}', '123456789012').replaceAll('{region}', 'us-east-1')
  const unknown = /\{[^}]*\}/.exec(example)
  if (unknown) return refuse(`holds ${unknown[0]}; only {account} and {region} can be filled in`)
  const host = /^(?<host>\[[^\]]+\]|[^:]+)(?::(?<port>\d{1,5}))?$/.exec(example)?.groups
  const name = host?.host ?? ''
  const isHost = name.startsWith('[')
    ? isIP(name.slice(1, -1)) === 6
    : isIPv4(name) || (isHostName(name) && name === name.toLowerCase())
  if (!host || !isHost || Number(host.port ?? 0) > 65_535) {
    return refuse(
      `is "${text}", not a host in small letters with an optional port, such as registry.example.com or localhost:5000`,
    )
  }
  // docker reads `word/name` as a user's repository on Docker Hub (distribution/reference, splitDockerDomain).
  if (!/[.:]/.test(example) && example !== 'localhost') {
    return refuse(`is "${text}", which docker would take for a namespace of Docker Hub: a host needs a dot or a port`)
  }
  const scheme = parts?.scheme
  return scheme === 'http' || scheme === 'https' ? { template, scheme } : { template }
}

export function parsePath(text: string, origin: Origin): string {
  return resolve(origin.folder, text)
}

export function parseReadableFile(text: string, origin: Origin): string {
  const path = parsePath(text, origin)
  readText(path, origin)
  return path
}

export function readText(path: string, origin: Origin): string {
  try {
    return origin.readFile(path)
  } catch (error) {
    return refuse(`names ${path}, which cannot be read (${systemErrorCode(error) ?? error})`)
  }
}

/** The text of a file of certificates. */
export function parseCertificates(text: string, origin: Origin): string {
  const path = parsePath(text, origin)
  const pem = readText(path, origin)
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
  } catch {
    return refuse(`names ${path}, which holds a certificate that cannot be read`)
  }
  return certificates.length > 0 ? pem : refuse(`names ${path}, which holds no certificate in PEM`)
}

/** A host and perhaps a port, spelled as in a URL that is parsed: in small letters, addresses in their short form. */
export function parseHostAndPort(text: string): string {
  const parts = /^(?<host>\[[\da-f:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/i.exec(text)?.groups
  const name = parts?.host ?? ''
  const isHost = isIPv4(name) || isHostName(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) === 6
  const host = isHost ? URL.parse(`https://${name}/`)?.hostname : undefined
  const port = Number(parts?.port ?? 443)
  if (!host || port < 1 || port > 65_535) {
    return refuse(`holds "${text}", not a host with an optional port, such as issuer.example.com or 10.0.0.1:6443`)
  }
  return parts?.port === undefined ? host : `${host}:${port}`
}

export function parseAddressRanges(text: string): BlockList {
  const ranges = new BlockList()
  for (const item of list(text)) {
    const parts = /^(?<address>[^/]+)(?:\/(?<prefix>\d{1,3}))?$/.exec(item)?.groups
    const version = isIP(parts?.address ?? '')
    const bits = version === 6 ? 128 : 32
    const prefix = Number(parts?.prefix ?? bits)
    if (!parts?.address || version === 0 || prefix > bits)
      return refuse(`holds "${item}", not an address or a range such as 10.0.0.0/8`)
    ranges.addSubnet(parts.address, prefix, version === 6 ? 'ipv6' : 'ipv4')
  }
  return ranges
}

/** Milliseconds of `90s`, `30m`, `12h` or `7d`. */
export function parseDuration(text: string): number {
  const parts = /^(\d{1,9})(s|m|h|d)$/.exec(text)
  const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
  const unit = units[parts?.[2] ?? '']
  if (!parts || unit === undefined) return refuse(`is "${text}", not a duration such as 90s, 30m, 12h or 7d`)
  return Number(parts[1]) * unit
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** `127.0.0.1:5000`, `[::1]:5000`. */
export function addressText(address: Address): string {
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`
}

export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** A PostgreSQL database, as the driver is given it. */
export interface DatabaseUrl {
  host: string
  port: number
  database: string
  user: string
  password: string
  /** Where the server is reached by a socket file: its folder (`?host=/run/postgresql`). */
  socketFolder?: string
  tls: 'disable' | 'require' | 'verify-full'
  /** PEM of the authorities that vouch for the server; undefined: those of the system. */
  tlsRootCertificate?: string
  /** Connections that one process opens at most. */
  connections: number
}

const defaultConnections = 10

export function parseDatabaseUrl(text: string, origin: Origin): DatabaseUrl {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) {
    return refuse('is not a URL such as postgres://berth:password@db.example.com:5432/berth')
  }
  const url = new URL(text)
  const database = decodeURIComponent(url.pathname.slice(1))
  if (database === '') refuse('names no database: postgres://user:password@host:5432/name')
  if (url.username === '') refuse('names no user: postgres://user:password@host:5432/name')
  const options = optionsOf(url, ['sslmode', 'sslrootcert', 'connections', 'host'])
  const socketFolder = options.get('host')
  const connections = options.get('connections') ?? String(defaultConnections)
  if (!/^\d{1,4}$/.test(connections) || Number(connections) < 2)
    refuse(`has connections=${connections}, which is no number from 2 to 9999`)
  const certificate = options.get('sslrootcert')
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 5432),
    database,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...(socketFolder ? { socketFolder } : {}),
    tls: oneOf(options.get('sslmode') ?? (certificate ? 'verify-full' : 'disable'), [
      'disable',
      'require',
      'verify-full',
    ]),
    ...(certificate ? { tlsRootCertificate: readText(certificate, origin) } : {}),
    connections: Number(connections),
  }
}

/** A bucket of an S3 store, and where in it. */
export interface BlobStoreUrl {
  bucket: string
  /** Empty, or ends with `/`. */
  prefix: string
  region: string
  /** Undefined: AWS. */
  endpoint?: string
  isPathStyle: boolean
  serverSideEncryption?: 'AES256' | 'aws:kms'
  kmsKeyId?: string
}

export function parseBlobStoreUrl(text: string): BlobStoreUrl {
  if (!text.startsWith('s3://') || !URL.canParse(text)) {
    return refuse(
      'is not a URL such as s3://bucket/prefix?region=eu-west-1&endpoint=https://s3.example.com&pathStyle=true',
    )
  }
  const url = new URL(text)
  const bucket = url.host
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) refuse(`names the bucket "${bucket}", which can be none`)
  if (url.username !== '' || url.password !== '') {
    refuse('holds a key; give it by BERTH_BLOB_STORE_ACCESS_KEY_ID and BERTH_BLOB_STORE_SECRET_ACCESS_KEY')
  }
  const options = optionsOf(url, ['region', 'endpoint', 'pathStyle', 'sse', 'sseKmsKeyId'])
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  if (!/^[\w.\-/]{0,512}$/.test(prefix) || prefix.includes('//'))
    refuse(`has the prefix "${prefix}": letters, digits, and . _ - / are allowed`)
  const endpoint = options.get('endpoint')
  if (endpoint !== undefined && !(/^https?:\/\//.test(endpoint) && URL.canParse(endpoint))) {
    refuse(`has the endpoint "${endpoint}", which is no URL such as https://s3.example.com`)
  }
  const sse = options.get('sse')
  const kmsKeyId = options.get('sseKmsKeyId')
  if (kmsKeyId !== undefined && sse !== 'aws:kms') refuse('has sseKmsKeyId without sse=aws:kms')
  return {
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: options.get('region') ?? 'us-east-1',
    ...(endpoint ? { endpoint: endpoint.replace(/\/+$/, '') } : {}),
    isPathStyle: parseSwitch(options.get('pathStyle') ?? 'false'),
    ...(sse === undefined ? {} : { serverSideEncryption: oneOf<'AES256' | 'aws:kms'>(sse, ['AES256', 'aws:kms']) }),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
  }
}

/** The options behind the `?` of a URL, each once and each known. */
function optionsOf(url: URL, known: readonly string[]): Map<string, string> {
  const options = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) refuse(`has the option "${name}", which is none of ${known.join(', ')}`)
    if (options.has(name)) refuse(`has the option "${name}" twice`)
    options.set(name, value)
  }
  return options
}
