import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { blobStoreSuite } from '../../../../test/suites/blob-store.suite.ts'
import { type S3Server, startS3Server, whyNoS3Server } from '../../../../test/support/s3-server.ts'
import { silentLog } from '../../../base/log.ts'
import { openS3 } from './s3.ts'

let server: Promise<S3Server> | undefined
after(async () => (await server)?.stop())

blobStoreSuite({
  name: 'S3',
  skip: whyNoS3Server(),
  async open(t) {
    server ??= startS3Server().then(async (started) => {
      await started.makeBucket('blobs')
      return started
    })
    const { endpoint, region, credentials } = await server
    // A prefix of its own for each test: the bucket is shared, as one may be.
    const prefix = `${randomUUID()}/`
    const reopen = async () => {
      const location = { bucket: 'blobs', prefix, region, endpoint, credentials, isPathStyle: true }
      const store = await openS3({ location, clock: { now: () => Date.now() }, log: silentLog })
      t.after(() => store.close())
      return store
    }
    return { store: await reopen(), reopen }
  },
})
