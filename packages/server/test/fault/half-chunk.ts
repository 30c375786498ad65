// A chunk of an upload that stops in the middle, for as long as the test wants.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Upload } from '../support/docker-wire.ts'

export interface HalfChunk {
  /** Sends the rest; gives the status of the answer, or how the connection broke. */
  end(): Promise<number | string>
}

/** Sends the head and half of the bytes, and waits until they are on their way. */
export async function beginChunk(
  to: { url: string; authorization: string; upload: Upload },
  bytes: Buffer,
  offset: number,
): Promise<HalfChunk> {
  const { hostname, port } = new URL(to.url)
  const request = httpRequest({
    hostname,
    port,
    method: 'PATCH',
    path: to.upload.location,
    headers: {
      authorization: to.authorization,
      'content-type': 'application/octet-stream',
      'content-range': `${offset}-${offset + bytes.length - 1}`,
      'content-length': String(bytes.length),
    },
  })
  const answered = Promise.withResolvers<number | string>()
  request.once('error', (error) => answered.resolve(error.message))
  request.once('response', (response) => {
    response.resume()
    answered.resolve(response.statusCode ?? 0)
  })
  if (!request.write(bytes.subarray(0, bytes.length / 2))) await once(request, 'drain')
  await sleep(200)
  return {
    end() {
      request.end(bytes.subarray(bytes.length / 2))
      return answered.promise
    },
  }
}
