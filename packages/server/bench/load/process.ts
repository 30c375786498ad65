// The process that makes the load: apart from the servers, so that its CPU is not counted as theirs. Takes one job at a time.

import type { Job, Outcome } from './jobs.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { sendRequests, walkLists } from './requests.ts'

function run(job: Job): Promise<Outcome> {
  switch (job.kind) {
    case 'requests':
      return sendRequests(job)
    case 'walk':
      return walkLists(job)
    case 'push':
      return push(job)
    case 'pull':
      return pull(job)
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (outcome) => process.send?.({ outcome }),
    (error: Error) => process.send?.({ error: error.stack ?? error.message }),
  )
})
process.on('disconnect', () => process.exit())
