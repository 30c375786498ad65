// `npm run bench`: Berth beside other registries, on this machine, in one run. docs/benchmarks.md says what the rows mean.

import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, release, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type StoreName, storeNames, whyNoStore } from '../test/support/stores.ts'
import { measureAuth } from './auth/auth.ts'
import { measureDisk } from './disk.ts'
import { Load } from './load/load.ts'
import { type Bench, measureGroup } from './measure.ts'
import { peers as allPeers, peersOn } from './peers/all.ts'
import { report } from './report.ts'
import type { RowResults } from './results.ts'
import { groups } from './rows/all.ts'
import { measureStarts, startRows } from './start-time.ts'
import { measureStatements, type StatementCount, statementsRow } from './statements/measure.ts'
import { createStoreServers } from './stores/store-servers.ts'

const help = `npm run bench -- [options]
npm run bench -- auth      only what authentication and authorization cost: seconds, without peers

  --quick          fewer rows, rounds and seconds: under 3 minutes
  --rows REGEX     only rows whose name matches (or all of a group whose name does); "slow-sync" is measured on request only
  --store STORES   Berth on these stores too, beside Berth on files and the peers: a list of ${storeNames.join(', ')}
  --peers REGEX    only peers whose name matches: ${allPeers.map((peer) => peer.name).join(', ')}
  --rounds N       rounds of each row (5; 2 with --quick)
  --seconds N      length of what is measured by the clock (1; 0.5 with --quick)
  --dir DIR        where the servers keep their data, all on one disk (the system's temporary folder); needs 20 GB
  --out DIR        where the report and the raw results go (bench-results)
  --profile        write CPU profiles of Berth to the results
  --list           name the rows and stop
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    store: { type: 'string', default: 'files' },
    peers: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: 'bench-results' },
    profile: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help || positionals.some((word) => word !== 'auth')) console.log(help)
else if (positionals.length > 0) console.log(await measureAuth())
else if (options.list)
  console.log([...startRows, ...groups.flatMap((group) => group.rows.map((row) => row.name)), statementsRow].join('\n'))
else await run()

async function run(): Promise<void> {
  const { quick } = options
  const stores = namedStores(options.store)
  const began = performance.now()
  const out = resolve(options.out)
  const name = new Date()
    .toISOString()
    .replace(/[:.]\d*Z?$/, '')
    .replaceAll(':', '')
  const profileDirectory = options.profile ? join(out, `${name}-profiles`) : undefined
  await mkdir(profileDirectory ?? out, { recursive: true })
  const directory = await mkdtemp(join(options.dir, 'berth-bench-'))
  const bench: Bench = {
    load: new Load(),
    backgroundLoad: new Load(),
    scale: {
      quick,
      rounds: Number(options.rounds ?? (quick ? 2 : 5)),
      seconds: Number(options.seconds ?? (quick ? 0.5 : 1)),
    },
    stores: createStoreServers(directory),
    directory,
    profileDirectory,
    progress: (text) => console.log(`${Math.round((performance.now() - began) / 1000)} s  ${text}`),
  }
  const disk = await measureDisk(bench.directory)
  const results: RowResults[] = []
  const statements: StatementCount[] = []
  const save = async () => {
    const setting = { ...describeSetting(), disk }
    await writeFile(join(out, `${name}.json`), JSON.stringify({ setting, results, statements }, null, 1))
    const text = report(setting, results, statements)
    await writeFile(join(out, `${name}.md`), text)
    return text
  }
  try {
    const wantedPeers = new RegExp(options.peers)
    const available = peersOn(stores).filter((peer) => wantedPeers.test(peer.name) && peer.available())
    bench.progress(`peers: ${available.map((peer) => peer.name).join(', ')}`)
    const starts = startRows.filter((row) => isWanted('start', row, true, false))
    if (starts.length > 0) results.push(...(await measureStarts(bench, available, starts)))
    for (const group of groups) {
      const isOnOtherStore = group.store !== undefined && !stores.includes(group.store)
      const onlyOnRequest = group.onlyOnRequest || isOnOtherStore
      const rows = group.rows.filter((row) => isWanted(group.name, row.name, row.quick ?? false, onlyOnRequest))
      const ours = wantedPeers.test('berth') ? group.peers?.filter((peer) => peer.available()) : []
      const others = group.onlyBerth ? available.filter(({ name }) => name.startsWith('berth')) : available
      const peers = group.peers ? (ours ?? []) : others
      if (rows.length === 0 || peers.length === 0) continue
      results.push(...(await measureGroup(bench, group, peers, rows)))
      await save()
    }
    const onPostgres = stores.filter((store) => store.startsWith('postgres'))
    if (isWanted(statementsRow, statementsRow, true, onPostgres.length === 0)) {
      for (const store of onPostgres.length > 0 ? onPostgres : (['postgres'] as const))
        statements.push(...(await measureStatements(bench, store)))
    }
    console.log(`\n${await save()}`)
    bench.progress(`written to ${join(out, `${name}.md`)} and .json`)
  } finally {
    bench.load.stop()
    bench.backgroundLoad.stop()
    await bench.stores.stop()
    await rm(bench.directory, { recursive: true, force: true })
  }
}

/** @throws when there is no such store, or not on this machine */
function namedStores(list: string): StoreName[] {
  return list.split(',').map((name) => {
    const store = storeNames.find((each) => each === name.trim())
    if (!store) throw new Error(`--store names "${name}"; there are ${storeNames.join(', ')}`)
    const reason = whyNoStore(store)
    if (reason !== undefined) throw new Error(`--store ${store}: ${reason}`)
    return store
  })
}

/** `--rows` decides alone when it is given; else `--quick` and whether the group is measured without being asked for. */
function isWanted(groupName: string, row: string, isQuick: boolean, onlyOnRequest: boolean): boolean {
  if (options.rows !== undefined) {
    const wanted = new RegExp(options.rows)
    return wanted.test(row) || wanted.test(groupName)
  }
  return !onlyOnRequest && (isQuick || !options.quick)
}

function describeSetting() {
  const git = (...args: string[]) => {
    try {
      return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    } catch {
      return 'unknown'
    }
  }
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: git('rev-parse', '--short', 'HEAD'),
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0]?.model}`,
    kernel: release(),
    arguments: process.argv.slice(2),
  }
}
