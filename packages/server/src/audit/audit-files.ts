// The files of the audit log, for those who write them and those who read them:
//
//   <data-dir>/audit/<yyyy-mm-dd>.jsonl      the events of a day (UTC), one line each
//   <data-dir>/audit/<yyyy-mm-dd>.1.jsonl    what came after the first had become too large, and so on

import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode } from '../base/errors.ts'

export interface AuditFile {
  path: string
  /** `2026-11-02`. */
  day: string
  /** 0, 1, … within the day. */
  index: number
}

export function auditFolder(dataDir: string): string {
  return join(dataDir, 'audit')
}

/** The day of a time, UTC. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

export function auditFile(folder: string, day: string, index: number): AuditFile {
  return { path: join(folder, index === 0 ? `${day}.jsonl` : `${day}.${index}.jsonl`), day, index }
}

/** The files that are there, the oldest first; none where the folder is not. Throws the system's error. */
export async function listAuditFiles(folder: string): Promise<AuditFile[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return []
    throw error
  }
  return names
    .flatMap((name) => {
      const parts = /^(?<day>\d{4}-\d\d-\d\d)(?:\.(?<index>[1-9]\d{0,8}))?\.jsonl$/.exec(name)?.groups
      return parts?.day ? [auditFile(folder, parts.day, Number(parts.index ?? 0))] : []
    })
    .toSorted((a, b) => (a.day === b.day ? a.index - b.index : a.day < b.day ? -1 : 1))
}

/** Removes files whose last event is older than `retentionMs`: whole days, by their names. Throws the system's error. */
export async function removeExpired(folder: string, retentionMs: number, now: number): Promise<void> {
  const firstKept = dayOf(now - retentionMs)
  for (const { path, day } of await listAuditFiles(folder)) {
    if (day >= firstKept) return
    await unlink(path).catch((error) => {
      // Another process on the folder was quicker.
      if (systemErrorCode(error) !== 'ENOENT') throw error
    })
  }
}
