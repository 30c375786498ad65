// Values of conditions that are more than text: numbers, times, truth, bytes, networks (IAM JSON policy elements: condition operators).
// Each reader gives undefined for what it cannot read: refused when a policy is written, no match when it is found in a request.

export function readNumber(text: string): number | undefined {
  return text.length <= 64 && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

const dateForm =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?)?)?)?$/

/** Milliseconds of an ISO 8601 date or of epoch seconds. Four digits alone are a year; a time without a zone is UTC. */
export function readTime(text: string): number | undefined {
  if (text.length > 40) return undefined
  if (/^-?\d+$/.test(text) && text.length !== 4) {
    const milliseconds = Number(text) * 1000
    return Number.isSafeInteger(milliseconds) ? milliseconds : undefined
  }
  const parts = dateForm.exec(text)
  if (!parts) return undefined
  const [, year = '', month = '01', day = '01', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    parts
  const zoneText = /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const milliseconds = fraction.slice(0, 3).padEnd(3, '0')
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}${zoneText}`)
  // Date.parse moves the 31st of February into March; a policy that says so is mistaken.
  const isDay = Number(day) >= 1 && Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number.isNaN(time) || !isDay ? undefined : time
}

export function readTruth(text: string): boolean | undefined {
  const word = text.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : undefined
}

/** The bytes as canonical base64, or undefined for what is not base64. */
export function readBinary(text: string): string | undefined {
  if (text.length % 4 === 1 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64').toString('base64')
}

export interface Address {
  version: 4 | 6
  bits: bigint
}

/** An IPv4 or IPv6 address; one that is IPv4 in IPv6's clothes (`::ffff:10.0.0.1`) is IPv4. */
export function readAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined
  if (!text.includes(':')) {
    const bits = readIpv4(text)
    return bits === undefined ? undefined : { version: 4, bits }
  }
  const bits = readIpv6(text)
  if (bits === undefined) return undefined
  return bits >> 32n === 0xffffn ? { version: 4, bits: bits & 0xffffffffn } : { version: 6, bits }
}

function readIpv4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let bits = 0n
  for (const part of parts) {
    // No leading zero: to some readers 010 is eight.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    bits = (bits << 8n) | BigInt(part)
  }
  return bits
}

function readIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [left, right] = halves.map(readGroups)
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined
  const missing = 8 - left.length - (right?.length ?? 0)
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...left, ...Array.from({ length: missing }, () => 0n), ...(right ?? [])]
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n)
}

/** Groups of 16 bits; the last two may be written as an IPv4 address. */
function readGroups(text: string): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const bits = i === parts.length - 1 ? readIpv4(part) : undefined
      if (bits === undefined) return undefined
      groups.push(bits >> 16n, bits & 0xffffn)
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`))
    else return undefined
  }
  return groups
}

export interface Network {
  version: 4 | 6
  /** The bits of the prefix, the rest shifted out. */
  prefix: bigint
  shift: bigint
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function readNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = readAddress(slash < 0 ? text : text.slice(0, slash))
  if (!address) return undefined
  const width = address.version === 4 ? 32 : 128
  if (slash < 0) return { version: address.version, prefix: address.bits, shift: 0n }
  const lengthText = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(lengthText)) return undefined
  const isMapped = address.version === 4 && text.includes(':')
  const length = Number(lengthText) - (isMapped ? 96 : 0)
  if (length < 0 || length > width) return undefined
  const shift = BigInt(width - length)
  return { version: address.version, prefix: address.bits >> shift, shift }
}

export function isInNetwork(address: Address, network: Network): boolean {
  return address.version === network.version && address.bits >> network.shift === network.prefix
}
