// What the disk can do by itself, to read the rows that write against.

import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from './statistics.ts'

export interface Disk {
  /** Writing and syncing 512 MiB. */
  writeMBPerSecond: number
  /** `fdatasync` after 4 KiB, median. */
  syncMs: number
}

export async function measureDisk(directory: string): Promise<Disk> {
  const path = join(directory, 'disk')
  const file = await open(path, 'w')
  try {
    const piece = crypto.getRandomValues(Buffer.alloc(65_536))
    const syncs: number[] = []
    for (let i = 0; i < 50; i++) {
      await file.write(piece, 0, 4096)
      const began = performance.now()
      await file.datasync()
      syncs.push(performance.now() - began)
    }
    const pieces = Array.from({ length: 16 }, () => piece)
    const began = performance.now()
    let written = 0
    while (written < 512 * 1024 ** 2) written += (await file.writev(pieces)).bytesWritten
    await file.datasync()
    return { writeMBPerSecond: written / 1e3 / (performance.now() - began), syncMs: median(syncs) }
  } finally {
    await file.close()
    await rm(path)
  }
}
