// Disks for fault tests: small ext4 filesystems on loop devices whose bytes are in memory (/dev/shm), so that a disk can be full, or
// lose its power, without harm to the machine. Needs root and loop devices; `whyNoLoopDevices()` says what is missing, for a skip.
//
// A power cut takes everything that is not on the device: the page cache goes, what the device was given stays. The difficulty is to
// get the device's content *at one instant* while the server goes on. A copy of a live image file is torn over the time that it takes, and gives
// images that no power cut could give; `fsfreeze` of the server's filesystem writes all dirty pages to the device, which is
// the opposite of a power cut; SIGSTOP of the server lets every sync that is under way finish, so no cut falls inside one. So there
// are two filesystems, one in the other:
//
//   /dev/shm/berth-fault-<pid>-<n>/
//     case.img     a file on tmpfs
//     case/        case.img mounted: an ext4 that plays the hardware of the disk, and is what gets frozen
//       device.img   the content of the server's disk
//     data/        device.img mounted: the ext4 that the server uses
//
// Freezing the *case* stops every write to device.img between two requests of the loop device, in the middle of a sync or not, and
// touches nothing of the server's filesystem: its dirty pages stay dirty, its journal stays uncommitted, and whoever syncs hangs. The
// copy of device.img is thus the device at one instant. Since nothing gets durable until the thaw, an answer that the server gives while
// frozen must rest on what was durable before it: the judges therefore hold the server to every answer received until the *thaw*,
// not only to those from before the copy. A server that answers before its sync is found out with near certainty.
//
// A journal makes more durable than was asked for: on ext4 the sync of one file commits the renames of all others. `journal: false` gives a
// disk on which a rename is there after the cut only if its folder was synced (POSIX promises no more); e2fsck mends it before the mount.
//
// What could make bytes durable that nobody synced, and so hide a fault: ext4's journal commits every 5 s (mounted with commit=300), the
// flush that ext4 adds to a rename over an existing file (noauto_da_alloc), and the kernel's writeback of dirty pages older than
// vm.dirty_expire_centisecs (30 s) or above vm.dirty_background_ratio of memory. `calmWriteback()` raises these for the run where they are
// lower than that; besides, the answers of the last seconds before each cut are what it is about. What is not modelled: a device
// that keeps its own volatile cache (the kernel's flush in fsync is taken at its word).

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const memory = '/dev/shm'
const prefix = 'berth-fault-'

/** Why this machine cannot mount disks in memory, as the reason of a skip; `false` when it can. */
export function whyNoLoopDevices(): string | false {
  if (process.platform !== 'linux') return 'loop devices are of Linux'
  if (process.getuid?.() !== 0) return 'mounting a loop device needs root'
  if (!existsSync('/dev/loop-control')) return 'this machine has no loop devices'
  if (!existsSync(memory)) return 'this machine has no /dev/shm'
  for (const [command, argument] of [
    ['mkfs.ext4', '-V'],
    ['fsfreeze', '-V'],
    ['mount', '-V'],
  ] as const) {
    try {
      execFileSync(command, [argument], { stdio: 'ignore' })
    } catch {
      return `this machine has no ${command}`
    }
  }
  const probe = makeRoom()
  try {
    const image = join(probe.directory, 'probe.img')
    execFileSync('truncate', ['-s', '16M', image])
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' })
    mkdirSync(join(probe.directory, 'probe'))
    execFileSync('mount', ['-o', 'loop', image, join(probe.directory, 'probe')], { stdio: 'pipe' })
    probe.undo.push(['umount', join(probe.directory, 'probe')])
    return false
  } catch (error) {
    return `this machine cannot mount a loop device: ${error instanceof Error ? error.message.split('\n').join(' ') : error}`
  } finally {
    probe.leaveSync()
  }
}

export interface LoopDisk extends AsyncDisposable {
  /** Where the filesystem is mounted. */
  readonly path: string
  /** Bytes that root may still write. */
  free(): Promise<number>
}

/** A filesystem of `sizeMiB`, which fills up. */
export async function loopDisk(options: { sizeMiB: number }): Promise<LoopDisk> {
  const room = makeRoom()
  try {
    const image = join(room.directory, 'disk.img')
    await makeFilesystem(image, options.sizeMiB)
    return await mounted(room, image, 'disk', 'noatime')
  } catch (error) {
    await room.leave()
    throw error
  }
}

export interface PowerCutDisk extends LoopDisk {
  /**
   * Cuts the power: what comes back is the disk after the cut, mounted, with its journal replayed. `beforeThaw` runs while nothing can
   * get durable, after the copy was made. The disk that was cut goes on, for as long as its users live.
   */
  cutPower(beforeThaw: () => Promise<void>): Promise<PowerCutDisk>
}

interface PowerCutDiskOptions {
  sizeMiB: number
  /** Whether the filesystem has one (true). */
  journal?: boolean
}

/** A filesystem of `sizeMiB` that can lose its power. */
export async function powerCutDisk(options: PowerCutDiskOptions): Promise<PowerCutDisk> {
  const hardware = await makeCase(options.sizeMiB)
  try {
    await makeFilesystem(hardware.device, options.sizeMiB, options.journal === false ? ['-O', '^has_journal'] : [])
    return await powerOn(hardware, options)
  } catch (error) {
    await hardware.room.leave()
    throw error
  }
}

interface Case {
  room: Room
  path: string
  device: string
}

async function makeCase(sizeMiB: number): Promise<Case> {
  const room = makeRoom()
  try {
    const image = join(room.directory, 'case.img')
    // No journal: the case is hardware, its own consistency is of no interest, and its syncs should cost nothing.
    await makeFilesystem(image, sizeMiB + 64 + Math.ceil(sizeMiB / 16), ['-O', '^has_journal'])
    const disk = await mounted(room, image, 'case', 'noatime')
    return { room, path: disk.path, device: join(disk.path, 'device.img') }
  } catch (error) {
    await room.leave()
    throw error
  }
}

async function powerOn(hardware: Case, options: PowerCutDiskOptions): Promise<PowerCutDisk> {
  const withJournal = options.journal !== false
  const mountOptions = withJournal ? 'noatime,commit=300,noauto_da_alloc' : 'noatime,noauto_da_alloc'
  const disk = await mounted(hardware.room, hardware.device, 'data', mountOptions)
  return {
    ...disk,
    async cutPower(beforeThaw) {
      const next = await makeCase(options.sizeMiB)
      try {
        const thaw = ['fsfreeze', '--unfreeze', hardware.path]
        hardware.room.undo.push(thaw)
        await run('fsfreeze', ['--freeze', hardware.path])
        try {
          await run('cp', ['--sparse=always', hardware.device, next.device])
          await beforeThaw()
        } finally {
          await run('fsfreeze', ['--unfreeze', hardware.path])
          hardware.room.undo.splice(hardware.room.undo.indexOf(thaw), 1)
        }
        if (!withJournal) await mend(next.device)
        return await powerOn(next, options)
      } catch (error) {
        await next.room.leave()
        throw error
      }
    },
  }
}

/** e2fsck ends with 1 when it mended everything. */
async function mend(device: string): Promise<void> {
  await run('e2fsck', ['-f', '-y', device], { maxBuffer: 64 * 1024 * 1024 }).catch((error: { code?: number }) => {
    if (error.code !== 1) throw error
  })
}

async function makeFilesystem(image: string, sizeMiB: number, more: string[] = []): Promise<void> {
  await writeFile(image, '')
  await truncate(image, sizeMiB * 1024 * 1024)
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', ...more, image])
}

async function mounted(room: Room, image: string, name: string, mountOptions: string): Promise<LoopDisk> {
  const path = join(room.directory, name)
  mkdirSync(path)
  await run('mount', ['-o', `loop,${mountOptions}`, image, path])
  room.undo.push(['umount', path])
  return {
    path,
    async free() {
      const { bavail, bsize } = await statfs(path)
      return bavail * bsize
    },
    [Symbol.asyncDispose]: () => room.leave(),
  }
}

// A room is a directory in memory with the commands that undo what was done in it, last first. Whatever ends the test process, they
// run: at its end, at a signal, or, after SIGKILL, at the start of the next test (the directory names the process that made it).

interface Room {
  directory: string
  undo: string[][]
  leave(): Promise<void>
  leaveSync(): void
}

const rooms = new Set<Room>()
let made = 0

function makeRoom(): Room {
  if (made === 0) {
    sweep()
    process.on('exit', () => {
      for (const room of rooms) room.leaveSync()
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  }
  const directory = join(memory, `${prefix}${process.pid}-${++made}`)
  mkdirSync(directory)
  const room: Room = {
    directory,
    undo: [],
    async leave() {
      for (let attempt = 1; room.undo.length > 0; attempt++) {
        const [command, ...args] = room.undo.at(-1) as [string, ...string[]]
        try {
          await run(command, args)
          room.undo.pop()
        } catch (error) {
          // A process that was just killed may hold the mount for a moment.
          if (attempt >= 100) throw error
          await sleep(50)
        }
      }
      rmSync(directory, { recursive: true, force: true })
      rooms.delete(room)
    },
    leaveSync() {
      for (const [command, ...args] of room.undo.toReversed() as [string, ...string[]][]) {
        // What is still in use is unmounted when its last user ends.
        tryInTurn([command, ...args], command === 'umount' ? ['umount', '--lazy', ...args] : [])
      }
      room.undo.length = 0
      rmSync(directory, { recursive: true, force: true })
      rooms.delete(room)
    },
  }
  rooms.add(room)
  return room
}

/** Removes what test processes left that were killed. */
function sweep(): void {
  for (const name of readdirSync(memory)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    if (Number.isNaN(pid) || existsSync(`/proc/${pid}`)) continue
    const directory = join(memory, name)
    tryInTurn(['fsfreeze', '--unfreeze', join(directory, 'case')])
    for (const mount of ['data', 'case', 'disk', 'probe'].map((each) => join(directory, each))) {
      if (existsSync(mount)) tryInTurn(['umount', mount], ['umount', '--lazy', mount])
    }
    rmSync(directory, { recursive: true, force: true })
  }
}

function tryInTurn(...commands: string[][]): void {
  for (const [command, ...args] of commands) {
    if (command === undefined) continue
    try {
      execFileSync(command, args, { stdio: 'ignore' })
      return
    } catch {
      // The next one, if any; nothing more can be done at the end of a process.
    }
  }
}

const writeback = {
  '/proc/sys/vm/dirty_expire_centisecs': 3000,
  '/proc/sys/vm/dirty_background_ratio': 10,
  '/proc/sys/vm/dirty_ratio': 20,
}

/** Keeps the kernel from writing dirty pages of its own accord where it is set to do so sooner than Linux does; undo by disposing. */
export function calmWriteback(): Disposable {
  const raised: [string, string][] = []
  for (const [setting, least] of Object.entries(writeback)) {
    const before = readFileSync(setting, 'utf8').trim()
    // A ratio of 0 says that the limit is in bytes: the machine's owner thought about it, and one round writes little.
    if (Number(before) === 0 || Number(before) >= least) continue
    writeFileSync(setting, String(least))
    raised.push([setting, before])
  }
  const restore = () => {
    for (const [setting, before] of raised.splice(0)) writeFileSync(setting, before)
  }
  process.on('exit', restore)
  return {
    [Symbol.dispose]() {
      restore()
      process.off('exit', restore)
    },
  }
}
