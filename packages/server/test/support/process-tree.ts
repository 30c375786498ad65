// Signals to a process and all that it started, such as a server with its workers.

import { readdirSync, readFileSync } from 'node:fs'

/**
 * Stops or continues a process with everything below it. The parent is the first to stop, so that it starts no more, and the last to go on.
 */
export function signalTree(root: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const parents = parentsOfAll()
  const tree = [root]
  for (const parent of tree) for (const [pid, of] of parents) if (of === parent) tree.push(pid)
  for (const pid of signal === 'SIGSTOP' ? tree : tree.reverse()) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has just ended.
    }
  }
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // `pid (name) state ppid …`: the name may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has just ended.
    }
  }
  return parents
}
