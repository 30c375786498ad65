// What the load process can be told to do. Jobs and their outcomes cross a process boundary, so they are plain JSON.

/** The registry that a job talks to. */
export interface Target {
  host: string
  port: number
  /** More nodes of the same registry: connections take turns over all. */
  otherPorts?: number[]
  /** Sent with every request: the peer's credentials. */
  headers: Record<string, string>
}

/** How much is done: a number of operations, or whatever fits into some seconds; `perSecond` paces their beginnings. */
export interface Amount {
  count?: number
  seconds?: number
  perSecond?: number
}

/** One request; `{n}` in its path is replaced by the running number of the operation. */
export interface RequestTemplate {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string
  /** The status that is right. Any other one fails the job. */
  status: number
}

export interface BlobReference {
  digest: string
  size: number
}

export interface PushedImage {
  repository: string
  tag: string
  digest: string
  manifest: string
  /** Layers, then the config. */
  blobs: BlobReference[]
}

interface JobBase {
  target: Target
  clients: number
  amount: Amount
}

/** Cycles through the requests; an operation is one of them. */
export interface RequestsJob extends JobBase {
  kind: 'requests'
  requests: RequestTemplate[]
  /** The running number of the first operation; 0 unless given. */
  firstNumber?: number
}

/** An operation is the push of one image of new random content, as a client does it: for each blob HEAD, POST and upload; then the manifest. */
export interface PushJob extends JobBase {
  kind: 'push'
  repository: string
  tagPrefix: string
  layerSizes: number[]
  /** `monolithic`: the bytes in one PUT. `chunked`: PATCHes of at most `chunkSize` with Content-Range, then an empty PUT. */
  upload: 'monolithic' | 'chunked'
  chunkSize?: number
}

/** An operation is the pull of one image: HEAD by tag, GET by digest, GET of each blob. `verify` hashes what comes back. */
export interface PullJob extends JobBase {
  kind: 'pull'
  images: PushedImage[]
  verify?: boolean
}

/** An operation is a whole list: the path, then every `Link: …; rel="next"` of the answers. */
export interface WalkJob extends JobBase {
  kind: 'walk'
  path: string
}

export type Job = RequestsJob | PushJob | PullJob | WalkJob

export interface Outcome {
  operations: number
  /** From the first request to the last answer; preparation and connecting are not in it. */
  seconds: number
  /** Bytes of blobs and bodies that were moved, in whichever direction the job moves them. */
  bytes: number
  latencyMs: { p50: number; p99: number; max: number }
  /** CPU of the load process in those seconds. */
  clientCpuSeconds: number
  /** What a push left behind. */
  images?: PushedImage[]
}
