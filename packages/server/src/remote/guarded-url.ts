// Which URLs that tenants name may be fetched, as far as their text tells. There is one reader of URLs here, WHATWG's, and the connection is
// made to what it read: `https://0x7f.1` is 127.0.0.1 for the check and for the socket.

import { isIP } from 'node:net'
import { isPublicAddress } from './public-address.ts'

export interface UrlGuard {
  /** The URL, or why it is refused, to be read after "The URL". */
  read(text: string): GuardedUrl | { refused: string }
  /** Why an identity provider may not have this URL (IAM CreateOpenIDConnectProvider), to be read after "The URL"; undefined: it may. */
  refuseIssuer(text: string): string | undefined
}

export interface GuardedUrl {
  url: URL
  /** The operator allows the host, wherever it leads. */
  isAllowedHost: boolean
}

const scheme = 'https://'
const maxUrlLength = 2048
const maxIssuerLength = 255

/** Names of at least two labels, as they are after reading: small letters, nothing empty, no dot at the end. */
const publicName = /^(?=.{1,253}$)(?:[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?\.)+[a-z](?:[a-z\d-]{0,61}[a-z\d])$/
/** Names that mean this machine or this network (RFC 6761; ICANN's `.internal`). */
const localName = /(?:^|\.)(?:localhost|internal)$/

/** `allowedHosts` are the operator's: `host`, or `host:port` for that port alone. */
export function createUrlGuard(allowedHosts: readonly string[]): UrlGuard {
  const allowed = new Set(allowedHosts)

  function read(text: string): GuardedUrl | { refused: string } {
    if (text.length > maxUrlLength) return { refused: `must not be longer than ${maxUrlLength} characters` }
    if (!text.startsWith(scheme)) return { refused: `must begin with ${scheme}` }
    if (!/^[\x21-\x7e]*$/.test(text) || text.includes('\\'))
      return { refused: 'must be of printable ASCII, without \\' }
    const url = URL.parse(text)
    if (!url) return { refused: 'cannot be read' }
    if (url.username !== '' || url.password !== '' || text.slice(scheme.length).split(/[/?#]/)[0]?.includes('@'))
      return { refused: 'must not hold a user or a password' }
    if (text.includes('#')) return { refused: 'must not have a fragment' }

    const port = Number(url.port || 443)
    if (allowed.has(`${url.hostname}:${port}`)) return { url, isAllowedHost: true }
    if (port !== 443 && port < 1024) return { refused: 'must have port 443, or one from 1024' }
    if (allowed.has(url.hostname)) return { url, isAllowedHost: true }
    const refused = refuseHost(url)
    return refused === undefined ? { url, isAllowedHost: false } : { refused }
  }

  return {
    read,
    refuseIssuer(text) {
      if (text.length > maxIssuerLength) return `must not be longer than ${maxIssuerLength} characters`
      const guarded = read(text)
      if ('refused' in guarded) return guarded.refused
      const { url } = guarded
      if (text.includes('?')) return 'must not have a query'
      // Tokens, ARNs and conditions hold the text, so it must not be another spelling of what is fetched: `/a/../b`, `:443`.
      const [host, path] = [
        text.slice(scheme.length, scheme.length + url.host.length),
        text.slice(scheme.length + url.host.length),
      ]
      const isPlain = host.toLowerCase() === url.host && (path === '' ? '/' : path) === url.pathname
      return isPlain ? undefined : `must be spelled ${url.href}`
    },
  }
}

/** The address that a URL has for a host, if it is none of a name. */
export function literalAddress({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(address) === 0 ? undefined : address
}

function refuseHost(url: URL): string | undefined {
  const address = literalAddress(url)
  if (address !== undefined) return isPublicAddress(address) ? undefined : 'must not have an address that is not public'
  const isPublicName = publicName.test(url.hostname) && !localName.test(url.hostname)
  return isPublicName ? undefined : 'must have a public host'
}
