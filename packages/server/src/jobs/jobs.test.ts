import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJobsStore } from '../../test/fault/jobs-store.ts'
import { describeJobs } from '../../test/suites/jobs.suite.ts'
import { sharedPostgres, whyNoDatabase } from '../../test/support/postgres-server.ts'

describeJobs({
  name: 'SQLite',
  async open(t) {
    const folder = await mkdtemp(join(tmpdir(), 'berth-jobs-'))
    const metadata = await openJobsStore(join(folder, 'berth.db'), 'relaxed')
    t.after(async () => {
      await metadata.close()
      await rm(folder, { recursive: true, force: true })
    })
    return metadata
  },
})

describeJobs({
  name: 'PostgreSQL',
  skip: whyNoDatabase(),
  async open(t) {
    const server = await sharedPostgres()
    const url = await server.createDatabase()
    const metadata = await openJobsStore(url, 'relaxed')
    t.after(async () => {
      await metadata.close()
      await server.dropDatabase(url)
    })
    return metadata
  },
})
