// How much memory is in use when all that can be forgotten is.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
