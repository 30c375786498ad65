// Makes the bucket of BERTH_BLOB_STORE where it is not there yet. Runs in Berth's image, beside its packages, and waits for the S3 server.

import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'

const url = new URL(process.env.BERTH_BLOB_STORE ?? '')
const Bucket = url.host
const client = new S3Client({
  endpoint: url.searchParams.get('endpoint') ?? undefined,
  region: url.searchParams.get('region') ?? 'us-east-1',
  forcePathStyle: url.searchParams.get('pathStyle') === 'true',
  credentials: {
    accessKeyId: process.env.BERTH_BLOB_STORE_ACCESS_KEY_ID ?? '',
    secretAccessKey: process.env.BERTH_BLOB_STORE_SECRET_ACCESS_KEY ?? '',
  },
})

const isThere = async () => {
  try {
    await client.send(new HeadBucketCommand({ Bucket }))
    return true
  } catch (error) {
    if (error.$metadata?.httpStatusCode === 404) return false
    throw error
  }
}

const waitUntil = performance.now() + 60_000
for (;;) {
  try {
    if (await isThere()) process.stdout.write(`The bucket ${Bucket} is there.\n`)
    else {
      await client.send(new CreateBucketCommand({ Bucket }))
      process.stdout.write(`The bucket ${Bucket} has been made.\n`)
    }
    break
  } catch (error) {
    // Whoever answers has decided; only a server that is not there yet is waited for.
    const answered = error.$metadata?.httpStatusCode
    if ((answered && answered < 500) || performance.now() > waitUntil) {
      process.stderr.write(`The bucket ${Bucket} cannot be made: ${error.message}\n`)
      process.exit(1)
    }
    await sleep(500)
  }
}
