// What the kernel knows about the servers: CPU and peak memory, summed over a process and its children (Linux).

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const ticksPerSecond = 100

/** The process and everything it started that still runs. */
export function processTree(pid: number): number[] {
  const children = readdirSafely(`/proc/${pid}/task`).flatMap((thread) =>
    readSafely(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(processTree)]
}

/** User and system time, in steps of 10 ms. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const fields = statOf(pid)
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return ticks / ticksPerSecond
}

/** User and system time of everything that the process has started, of what has ended too. */
export function treeCpuSeconds(root: number): number {
  let ticks = 0
  for (const pid of processTree(root)) {
    // utime, stime, and both of the children that have ended and were waited for.
    for (const field of statOf(pid).slice(11, 15)) ticks += Number(field)
  }
  return ticks / ticksPerSecond
}

/** Makes the kernel forget the peak so far. */
export function resetPeakRss(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
    } catch {
      // The process has ended, or we are not allowed to: the peak since its start stays.
    }
  }
}

/** The sum of the peaks, which is at least the peak of the sum. */
export function peakRssBytes(pids: readonly number[]): number {
  let kilobytes = 0
  for (const pid of pids) kilobytes += Number(/^VmHWM:\s+(\d+) kB/m.exec(readSafely(`/proc/${pid}/status`))?.[1] ?? 0)
  return kilobytes * 1024
}

/** CPU seconds that the whole machine has worked since its start. */
export function machineCpuSeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(readSafely('/proc/stat'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number)
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond
}

/** From the state on: the name before it may hold anything. */
function statOf(pid: number): string[] {
  return readSafely(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
}

function readSafely(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function readdirSafely(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
