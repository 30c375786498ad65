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

/** IPv4 has 32 bits in a number, IPv6 128 in a bigint: source addresses are read at each request, and most are IPv4. */
export type Address = { version: 4; bits: number } | { version: 6; bits: bigint }

/** An IPv4 or IPv6 address; one that is IPv4 in IPv6's clothes (`::ffff:10.0.0.1`) is IPv4. */
export function readAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined
  if (!text.includes(':')) {
    const bits = readIpv4(text)
    return bits === undefined ? undefined : { version: 4, bits }
  }
  const bits = readIpv6(text)
  if (bits === undefined) return undefined
  return bits >> 32n === 0xffffn ? { version: 4, bits: Number(bits & 0xffffffffn) } : { version: 6, bits }
}

function readIpv4(text: string): number | undefined {
  let bits = 0
  let part = -1
  let parts = 0
  for (let i = 0; i <= text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x30 && unit <= 0x39) {
      // No leading zero: to some readers 010 is eight.
      if (part === 0) return undefined
      part = (part < 0 ? 0 : part * 10) + unit - 0x30
      if (part > 255) return undefined
    } else {
      if (part < 0 || (i < text.length && unit !== 0x2e)) return undefined
      bits = bits * 256 + part
      part = -1
      parts++
    }
  }
  return parts === 4 ? bits : undefined
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
      groups.push(BigInt(bits >>> 16), BigInt(bits & 0xffff))
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`))
    else return undefined
  }
  return groups
}

/** An address, and how many bits at its end do not matter. */
export type Network = Address & { freeBits: number }

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function readNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = readAddress(slash < 0 ? text : text.slice(0, slash))
  if (!address) return undefined
  if (slash < 0) return { ...address, freeBits: 0 }
  const lengthText = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(lengthText)) return undefined
  const width = address.version === 4 && !text.includes(':') ? 32 : 128
  const freeBits = width - Number(lengthText)
  return freeBits < 0 || (address.version === 4 && freeBits > 32) ? undefined : { ...address, freeBits }
}

export function isInNetwork(address: Address, network: Network): boolean {
  const { freeBits } = network
  if (address.version === 4)
    return network.version === 4 && (freeBits === 32 || (address.bits ^ network.bits) >>> freeBits === 0)
  return network.version === 6 && (address.bits ^ network.bits) >> BigInt(freeBits) === 0n
}
