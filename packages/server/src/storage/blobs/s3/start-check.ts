// Before the first request: does the store answer, and may the key do all that Berth will ask for? Each permission is tried once, so that
// an operator hears of all that are missing at once, and none is found out by a client days later.

import { randomUUID } from 'node:crypto'
import { RegistryError } from '../../../base/errors.ts'
import { silentLog } from '../../../base/log.ts'
import { openBucket, type RequestLimits, type S3Location } from './bucket.ts'
import { isCode, missingPermissions, startFailure, unusable } from './failures.ts'

/** An operator waits for this. */
const patienceMs = 5000

/** @throws StartError */
export async function checkStart(location: S3Location, usual: RequestLimits): Promise<void> {
  const [idle, total] = [Math.min(usual.idle, patienceMs), Math.min(usual.total, patienceMs)]
  const limits = { attempts: 1, connect: usual.connect, idle, answer: total, total }
  const bucket = await openBucket({ location, limits, log: silentLog })
  const endpoint = location.endpoint ?? 'AWS'
  const missing = new Set<string>()
  let refusal: unknown

  async function attempt<T>(permission: string, task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task()
    } catch (error) {
      const cause = error instanceof RegistryError ? error.cause : error
      const failure = startFailure(cause, { ...location, endpoint })
      if (failure) throw failure
      if (!isCode(cause, 'AccessDenied', 'AllAccessDisabled', 'AccessDeniedException')) throw unusable(cause, endpoint)
      missing.add(permission)
      refusal = cause
      return undefined
    }
  }

  const key = `probe/${randomUUID()}`
  try {
    await attempt('s3:ListBucket', () => bucket.list('', 1).next())
    await attempt('s3:ListBucketMultipartUploads', () => bucket.listMultiparts('', 1).next())
    await attempt('s3:PutObject', () => bucket.put(key, Buffer.from('berth')))
    await attempt('s3:GetObject', () => bucket.read(key))
    await attempt('s3:DeleteObject', () => bucket.delete(key))
    const multipart = missing.has('s3:PutObject')
      ? undefined
      : await attempt('s3:PutObject', () => bucket.createMultipart(key))
    if (multipart !== undefined) {
      await attempt('s3:AbortMultipartUpload', () => bucket.abortMultipart(key, multipart))
    }
  } finally {
    bucket.close()
  }
  if (missing.size > 0) throw missingPermissions([...missing], location.bucket, refusal)
}
