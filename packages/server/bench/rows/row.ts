// A row of the table is one kind of load with one number of clients; a group is rows that share their servers and their set-up.

import type { StoreName } from '../../test/support/stores.ts'
import type { Job } from '../load/jobs.ts'
import type { Load } from '../load/load.ts'
import type { Peer, RunningPeer } from '../peers/peer.ts'

/** How much is measured: the full run or `--quick`. */
export interface Scale {
  quick: boolean
  rounds: number
  /** Length of a measurement that goes by the clock. */
  seconds: number
}

export interface SetUp {
  peer: RunningPeer
  load: Load
  scale: Scale
  /** The names of the rows that will be measured, so that nothing is prepared in vain. */
  rows: ReadonlySet<string>
}

export interface Measurement<State> {
  peer: RunningPeer
  state: State
  scale: Scale
  /** 0 warms up; then the number of the round. Unique within the row and the peer: names made from it do not collide. */
  round: number
}

export interface Row<State> {
  name: string
  /** What is compared. `op/s` counts what the row's name says: requests, pushes, pulls. */
  unit: 'op/s' | 'MB/s'
  /** The ratio to docker-registry that we want. */
  aim?: number
  /** Part of `--quick`. */
  quick?: boolean
  /** At most so many rounds, for what takes long. */
  rounds?: number
  /** The disk is brought to rest before each measurement. */
  writes?: boolean
  /** Rows of one series differ only in how much is stored; their CPU per operation should not. */
  series?: string
  job(measurement: Measurement<State>): Job
  /** A second load, beside the measured one. It begins before it, and the row ends when both have ended. */
  background?(measurement: Measurement<State>): Job
  /** Called before; what it returns is called after, and gives more numbers for the report. */
  observe?(measurement: Measurement<State>): () => Record<string, number>
}

export interface Group<State> {
  name: string
  rows: readonly Row<State>[]
  /** Others than all that are available. The first is compared with the second. */
  peers?: readonly Peer[]
  /** Berth alone, on each store of the run: no peer has this. */
  onlyBerth?: boolean
  /** Measured only when `--store` or `--rows` names it. */
  store?: StoreName
  /** Measured only when `--rows` names it. */
  onlyOnRequest?: boolean
  setUp(setUp: SetUp): Promise<State>
}

/** Lets groups of different states stand in one list; a state only ever meets rows of its own group. */
export function group<State>(definition: Group<State>): Group<unknown> {
  return definition
}

export const defaultAim = 1.1
export const KB = 1000
export const MB = 1000 * KB
export const GiB = 1024 ** 3

export function clientsText(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`
}
