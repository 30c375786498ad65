import { blobs } from './blobs.ts'
import { describeImages } from './describe-images.ts'
import { moreNodes, moreWorkers } from './processes.ts'
import { pulls } from './pull.ts'
import { pushes } from './push.ts'
import type { Group } from './row.ts'
import { slowSync } from './slow-sync.ts'
import { smallRequests } from './small-requests.ts'
import { tags } from './tags.ts'

export const groups: readonly Group<unknown>[] = [
  smallRequests,
  blobs,
  ...pushes,
  pulls,
  tags,
  describeImages,
  moreWorkers,
  moreNodes,
  slowSync,
]
