// The benchmark's end of the load process.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Outcome } from './jobs.ts'

export class Load {
  private readonly child: ChildProcess

  constructor() {
    this.child = fork(fileURLToPath(new URL('process.ts', import.meta.url)))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Runs one job to its end. Fails on the first answer that is not the expected one. */
  run(job: Job): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the load process ended with ${code}`))
      this.child.once('exit', ended)
      this.child.once('message', (message: { outcome?: Outcome; error?: string }) => {
        this.child.off('exit', ended)
        if (message.outcome) resolve(message.outcome)
        else reject(new Error(message.error))
      })
      this.child.send(job)
    })
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect()
  }
}
