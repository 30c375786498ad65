// berth audit: reads the audit log of a data directory, whether its server runs or not. It only reads files.

import { existsSync } from 'node:fs'
import type { BlockList } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AuditFile, auditFolder, dayOf, listAuditFiles } from '@berth/server/audit/audit-files.ts'
import { asciiJson } from '@berth/server/audit/audit-record.ts'
import { StartError, systemErrorCode } from '@berth/server/base/errors.ts'
import { Mistake, parseAddressRanges, parseDuration } from '@berth/server/config-values.ts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { createFilter, createTextFilter, type Filters } from '../audit/filters.ts'
import { endOfLines, readLines, readLinesBackwards } from '../audit/lines.ts'
import { type AuditRecord, describeRecord, parseRecord } from '../audit/records.ts'
import { addSettings, configOf, precedence } from '../settings-options.ts'

const pollMs = 250
const maxLines = 100_000

export function audit(): Command {
  const command = new Command('audit').description(
    'Read the audit log: who did what, from where, and whether it was allowed.',
  )
  // Not inherited by `addCommand`.
  for (const each of [tail(), grep()])
    command.addCommand(each.helpOption('-h, --help', 'show this help').exitOverride())
  return command.helpCommand(false)
}

function tail(): Command {
  const command = new Command('tail')
    .description('Print the last events, one line each: time, account, who, event, resource, address, error.')
    .addOption(
      new Option('-n, --lines <count>', 'How many.').default(20).argParser((text) => {
        const count = /^\d{1,6}$/.test(text) ? Number(text) : maxLines + 1
        return count <= maxLines ? count : reject(`Give a number from 0 to ${maxLines}.`)
      }),
    )
    .option('-f, --follow', 'Go on with those that come, also over midnight, until Ctrl-C.')
    .option('--json', 'Print whole records, one JSON object a line.')
  return addSettings(command, ['dataDir'])
    .addHelpText('after', `${precedence}${tailExamples}`)
    .action(async (options: Record<string, unknown> & { lines: number; follow?: true; json?: true }) => {
      const folder = auditFolder(configOf(options).dataDir)
      const output = createOutput(options.json)
      const files = await filesOf(folder, options.follow)
      const followed = new Map<string, number>()
      const recent = recentDays(files)
      const found: AuditRecord[] = []
      for (const { path, day } of files.toReversed()) {
        if (found.length === options.lines && !recent.includes(day)) break
        const end = await endOfLines(path).catch((error) => {
          throw unreadable(path, error)
        })
        followed.set(path, end)
        if (found.length < options.lines) await collect(path, end, found, options.lines)
      }
      for (const record of found.reverse()) await output.print(record)
      await output.flush()
      if (options.follow) await follow(folder, recent[0] ?? '', followed, output)
    })
}

function grep(): Command {
  const command = new Command('grep')
    .description('Print the events that match everything that is given, from all files that are kept.')
    .argument('[text]', 'A text anywhere in the record, without regard to case.')
    .option('--principal <text>', 'Who: a part of an ARN, a name, or an access key id; "unknown" for nobody.')
    .option('--event <glob>', 'The event: PutImage, "Put*", "iam:*".')
    .option('--error [glob]', 'Only failures: any, or with such a code: "*NotFound*".')
    .option('--denied', 'Only what was refused by a policy.')
    .option('--resource <text>', 'A part of the ARN of the resource: repository/team/app.')
    .option('--account <id>', 'The account of the caller or of the resource.')
    .addOption(new Option('--source-ip <address>', 'The address, or a range: 10.0.0.0/8.').argParser(readRanges))
    .addOption(
      new Option('--since <time>', 'From a time on: 2026-11-02, 2026-11-02T10:00Z, or how long ago: 2h.').argParser(
        readTime,
      ),
    )
    .addOption(new Option('--until <time>', 'Up to a time.').argParser(readTime))
    .option('--json', 'Print whole records, one JSON object a line.')
  return addSettings(command, ['dataDir'])
    .addHelpText('after', `${precedence}${grepExamples}`)
    .action(async (text: string | undefined, options: Record<string, unknown> & Filters & { json?: true }) => {
      const folder = auditFolder(configOf(options).dataDir)
      const output = createOutput(options.json)
      const hasText = text === undefined ? () => true : createTextFilter(text)
      const isMatch = createFilter(options)
      const { since, until } = options
      let matches = 0
      for (const { path, day } of await filesOf(folder)) {
        if ((since !== undefined && day < dayOf(since)) || (until !== undefined && day > dayOf(until))) continue
        for await (const { lines } of linesOf(path)) {
          for (const line of lines) {
            const record = hasText(line) ? parseRecord(line) : undefined
            if (!record || !isMatch(record)) continue
            matches += 1
            await output.print(record)
          }
          if (!output.isOpen) return
        }
      }
      await output.flush()
      if (matches === 0) process.stderr.write(`No event in ${folder} matches.\n`)
    })
}

/** The log's files, the oldest first. There may be none yet only for who waits for them. */
async function filesOf(folder: string, isWaiting?: true): Promise<AuditFile[]> {
  let files: AuditFile[]
  try {
    files = await listAuditFiles(folder)
  } catch (error) {
    throw unreadable(folder, error)
  }
  if (files.length > 0) return files
  if (isWaiting && existsSync(dirname(folder))) {
    process.stderr.write(`There is no event in ${folder} yet.\n`)
    return files
  }
  throw new StartError(
    `There is no audit log in ${folder}.`,
    'Name the data directory of the server by --data-dir. With BERTH_AUDIT_LOG=stdout the log is where the output of the server goes.',
  )
}

function unreadable(path: string, error: unknown): unknown {
  const code = systemErrorCode(error)
  if (code === undefined) return error
  return new StartError(
    `${path} cannot be read (${code}).`,
    'The audit log is for the user of the server only: run this as that user, or as root.',
    { cause: error },
  )
}

/** Lines of a file, of which there are none when it has been removed meanwhile. */
async function* linesOf(path: string, from?: number): ReturnType<typeof readLines> {
  try {
    yield* readLines(path, from)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw unreadable(path, error)
  }
}

async function collect(path: string, end: number, found: AuditRecord[], count: number): Promise<void> {
  for await (const line of readLinesBackwards(path, end)) {
    const record = parseRecord(line)
    if (record) found.push(record)
    if (found.length === count) return
  }
}

/** The last two days that have files: an event of one second before midnight may be written after midnight. */
function recentDays(files: readonly AuditFile[]): string[] {
  return [...new Set(files.map(({ day }) => day))].slice(-2)
}

/** What is appended to files of `firstDay` and later, from the places given on. */
async function follow(folder: string, firstDay: string, ends: Map<string, number>, output: Output): Promise<void> {
  while (output.isOpen) {
    const files = await listAuditFiles(folder)
    const recent = recentDays(files)
    for (const { path, day } of files) {
      if (day < firstDay || !recent.includes(day)) continue
      for await (const { lines, end } of linesOf(path, ends.get(path) ?? 0)) {
        for (const line of lines) {
          const record = parseRecord(line)
          if (record) await output.print(record)
        }
        ends.set(path, end)
      }
    }
    await output.flush()
    await sleep(pollMs)
  }
}

interface Output {
  /** False when nobody reads any more: `berth audit grep … | head`. */
  readonly isOpen: boolean
  print(record: AuditRecord): Promise<void>
  flush(): Promise<void>
}

function createOutput(isJson: true | undefined): Output {
  let text = ''
  let isOpen = true
  const flush = async () => {
    const written = text
    text = ''
    if (written === '' || !isOpen) return
    await new Promise<void>((resolve) => {
      process.stdout.write(written, (error) => {
        isOpen = !error
        resolve()
      })
    })
  }
  return {
    get isOpen() {
      return isOpen
    },
    async print(record) {
      text += `${isJson ? asciiJson(record) : describeRecord(record)}\n`
      if (text.length > 64 * 1024) await flush()
    },
    flush,
  }
}

function reject(message: string): never {
  throw new InvalidArgumentError(message)
}

/** A time, or how long ago. A date is its first moment, UTC. */
function readTime(text: string): number {
  if (/^\d+[smhd]$/.test(text)) return Date.now() - parseDuration(text)
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const hasZone = !text.includes('T') || /(?:Z|[+-]\d\d:\d\d)$/.test(text)
  const at = isTime ? Date.parse(hasZone ? text : `${text}Z`) : Number.NaN
  return Number.isNaN(at)
    ? reject(
        'Give a time such as 2026-11-02, 2026-11-02T10:00Z or 2026-11-02T10:00:00+01:00, or how long ago: 90s, 30m, 2h, 7d.',
      )
    : at
}

function readRanges(text: string): BlockList {
  try {
    return parseAddressRanges(text)
  } catch (error) {
    if (error instanceof Mistake) return reject('Give an address or a range such as 10.0.0.0/8 or 2001:db8::/32.')
    throw error
  }
}

const tailExamples = `

  berth audit tail --data-dir /var/lib/berth
  berth audit tail -f --json | jq 'select(.errorCode)'`

const grepExamples = `

  berth audit grep --denied --since 24h                      what was refused since yesterday
  berth audit grep --principal role/ci --event 'Put*'        what the sessions of a role have pushed
  berth audit grep --resource repository/team/app --json     all about a repository
  berth audit grep --principal AKIA…                         what an access key was used for
  berth audit grep 192.0.2.7                                 a text, wherever it is`
