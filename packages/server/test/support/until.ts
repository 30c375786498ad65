// Waits for what another process, or another part of this one, will do soon. The time is only a bound, so that a test that is wrong ends.

import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is true. Fails after half a minute, with what was waited for. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const start = performance.now()
  for (let turn = 0; !(await isSo()); turn += 1) {
    if (performance.now() - start > 30_000) throw new Error(`it did not come to this: ${what}`)
    await sleep(turn < 20 ? 1 : 10)
  }
}
