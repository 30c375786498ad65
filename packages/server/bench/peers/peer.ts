// A registry that is measured, and how it is started.

import { spawnSync } from 'node:child_process'
import type { Target } from '../load/jobs.ts'
import type { StoreServers } from '../stores/store-servers.ts'

export interface StartOptions {
  /** An empty folder, or one that the same peer has used before. */
  directory: string
  /** Where peers find PostgreSQL and S3. */
  stores: StoreServers
  /** A program to run the server under, such as `['strace', '-f']`. */
  under?: string[]
  /** More environment for the server. */
  env?: Record<string, string>
}

export interface RunningPeer {
  name: string
  target: Target
  /** From the start of the process to its first answer, whatever that says. */
  startedInMs: number
  /** The server's processes. */
  pids(): number[]
  createRepository(name: string): Promise<void>
  /** The longest pause of the event loop since the last call, where the peer tells it. */
  longestPauseMs?(): Promise<number | undefined>
  stop(): Promise<void>
}

export interface Peer {
  name: string
  /** Whether this machine has it. */
  available(): boolean
  start(options: StartOptions): Promise<RunningPeer>
}

/** The first line that a program says about its version, or nothing when it is not on PATH. */
export function versionOf(command: string, argument: string): string | undefined {
  const { stdout, stderr, error } = spawnSync(command, [argument], { encoding: 'utf8', timeout: 10_000 })
  return error ? undefined : `${stdout}${stderr}`.split('\n')[0]
}
