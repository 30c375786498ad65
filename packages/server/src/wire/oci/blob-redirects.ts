// Where a blob is fetched from: here, or from the S3 store itself by a presigned link (BERTH_BLOB_REDIRECT). S3 refuses a request that has
// a presigned link *and* an Authorization header, and some clients send theirs along to wherever they are sent.

import type { BlobContent } from '../../domain/blobs/blobs.ts'
import type { Exchange } from '../../http/exchange.ts'

/** Gives the link to send the client to, or undefined where the bytes are sent from here. */
export type RedirectBlob = (exchange: Exchange, blob: BlobContent) => Promise<string | undefined>

/** Clients that repeat the Authorization header on another host, by what they call themselves. */
const forwardingClients: readonly [pattern: RegExp, why: string][] = [
  [/^Apache-HttpClient\//, 'headers set by the program stay (spring-cloud-dataflow#4066)'],
  [/^Java-http-client\//, 'the same for the one of the JDK (oras-java#334)'],
  [/^Wget\//, 'headers of the command line go to every host'],
  [/^(?:got|renovate)/i, 'old ones of renovate (renovate#3877)'],
]

export function createBlobRedirects(isOn: boolean): RedirectBlob {
  return async (exchange, blob) => {
    if (!isOn || exchange.method !== 'GET' || !blob.presign) return undefined
    const agent = exchange.header('user-agent') ?? ''
    if (forwardingClients.some(([pattern]) => pattern.test(agent))) return undefined
    const link = await blob.presign({
      contentType: 'application/octet-stream',
      contentDisposition: 'attachment',
    })
    return isAtOrBelow(new URL(link).hostname, hostName(exchange.header('host'))) ? undefined : link
  }
}

/** To the host that they called, and to those below it, Go's clients send their credentials again. */
function isAtOrBelow(host: string, called: string | undefined): boolean {
  return called === undefined || host === called || host.endsWith(`.${called}`)
}

function hostName(header: string | undefined): string | undefined {
  const url = `http://${header ?? ''}`
  return URL.canParse(url) ? new URL(url).hostname : undefined
}
