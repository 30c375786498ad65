// Who imports whom, against the table of the house: what a folder may import, with each exception and its reason. Tests are free.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { privateOperationNames } from '@berth/api/ecr/operation-names.ts'
import { operations } from '../src/operations/all.ts'

const packages = fileURLToPath(new URL('../..', import.meta.url))
const longestFile = 450

/** A row speaks for its folder and all below it that have no row of their own. A folder may always import itself. */
const mayImport: Record<string, readonly string[]> = {
  base: ['api/names'],
  http: ['base', 'storage/blobs/blob-store.ts'],
  // What was asked and answered is known here, so it is told to the audit log here.
  wire: ['http', 'auth', 'domain', 'audit/audit-event.ts', 'audit/audit-log.ts', 'base', 'api'],
  'wire/aws-json': ['wire', 'http', 'auth', 'operations', 'domain', 'base', 'api'],
  'wire/aws-query': ['wire', 'http', 'auth', 'operations', 'domain', 'base', 'api'],
  remote: ['base'],
  // Keys of identity providers are fetched.
  auth: ['remote', 'domain/identities', 'domain/policies', 'base', 'api'],
  operations: ['auth', 'domain', 'base', 'api'],
  domain: [
    ...['storage/metadata/metadata-store.ts', 'storage/metadata/schema.ts', 'storage/metadata/tables'],
    ...['storage/blobs/blob-store.ts', 'base', 'api/names', 'api/oci'],
  ],
  jobs: [
    ...['domain', 'storage/metadata/metadata-store.ts', 'storage/metadata/schema.ts', 'storage/metadata/tables'],
    ...['storage/blobs/blob-store.ts', 'base', 'api/names'],
  ],
  storage: ['base', 'api/names', 'api/oci'],
  processes: ['base', 'storage/metadata/turn-service.ts'],
  // Its files are in the data directory; what happened, those tell it who know.
  audit: ['base', 'data-dir-files.ts'],
  // A command of its own, at the level of the wiring: it has two stores at once, and no domain.
  'migrate-store': [
    ...['storage', 'auth/key-ring.ts', 'base', 'api', 'config.ts', 'config-settings.ts', 'config-values.ts'],
    ...['data-dir-files.ts', 'data-dir-lock.ts'],
  ],
  // Commands at the level of the wiring: they open the store themselves, and change what the API never does.
  offline: [
    ...['audit', 'auth/key-ring.ts', 'domain/identities', 'storage/metadata/metadata-store.ts'],
    ...['storage/metadata/schema.ts', 'storage/metadata/tables', 'base', 'api'],
    ...['config.ts', 'data-dir-files.ts', 'installation.ts'],
  ],
}

/** Files of `src/` itself: wiring, start and stop; and the file that opens the two stores of `berth migrate-store`. */
const wiring = ['registry.ts', 'main.ts', 'installation.ts', 'stores.ts', 'migrate-store/places.ts']

const exceptions: readonly [file: string, imports: string, reason: string][] = [
  [
    'domain/policies/known-actions.ts',
    'api/ecr/operation-names.ts',
    'actions of ECR are named after its operations, and the list should not be written twice',
  ],
  [
    'domain/policies/parse-policy.ts',
    'api/json/strict-json.ts',
    'a policy is a JSON text that tenants write: repeated keys and great depth are refused by the rule for all of them',
  ],
  ...['identities', 'access-keys', 'secrets'].map((name): [string, string, string] => [
    `domain/identities/${name}.ts`,
    'auth/key-ring.ts',
    'secrets are sealed in their rows; a key ring is a value, not a wire',
  ]),
  ['config.ts', 'auth/key-ring.ts', 'a settings file that holds secrets is closed to others by the rule for key files'],
  [
    'config-settings.ts',
    'auth/key-ring.ts',
    'a ring that cannot be read is a mistake of the configuration, told with all others',
  ],
]

const moduleName =
  /^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]/gm

interface SourceFile {
  name: string
  text: string
  /** Of this package as paths, of ours as `api/…`, others by name. */
  imports: string[]
}

function sources(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((path) => {
      const name = path.split(sep).join('/')
      const text = readFileSync(join(folder, path), 'utf8')
      const imports = [...text.matchAll(moduleName)].map((match) => {
        const module = match[1] ?? match[2] ?? match[3] ?? ''
        if (module.startsWith('.'))
          return relative(folder, join(folder, dirname(path), module))
            .split(sep)
            .join('/')
        return module.replace(/^@berth\/api\//, 'api/')
      })
      return { name, text, imports }
    })
}

const server = sources(join(packages, 'server/src'))
const isOurs = (module: string) => /^api\/|\.ts$/.test(module)
const isBelow = (path: string, place: string) => path === place || path.startsWith(`${place}/`)

function rowOf(file: string): string | undefined {
  return Object.keys(mayImport)
    .filter((folder) => isBelow(file, folder))
    .toSorted((a, b) => b.length - a.length)[0]
}

describe('the layers of the server (ARCHITECTURE.md)', () => {
  test('a file imports what its folder may import', () => {
    const used = new Set<string>()
    const wrong = server.flatMap(({ name, imports }) =>
      imports.filter(isOurs).flatMap((module) => {
        const row = rowOf(name)
        if (row === undefined && (wiring.includes(name) || !module.includes('/') || /^(?:base|api)\//.test(module)))
          return []
        if (row !== undefined && [row, ...(mayImport[row] ?? [])].some((place) => isBelow(module, place))) return []
        const exception = exceptions.find(([file, imported]) => file === name && imported === module)
        if (exception) used.add(`${name} ${module}`)
        return exception ? [] : [`${name} imports ${module}`]
      }),
    )
    assert.deepEqual(wrong, [])
    assert.deepEqual([...used].toSorted(), exceptions.map(([file, module]) => `${file} ${module}`).toSorted())
  })

  test('every folder has a row', () => {
    const homeless = server.filter(({ name }) => name.includes('/') && rowOf(name) === undefined)
    assert.deepEqual(
      homeless.map(({ name }) => name),
      [],
    )
  })

  test('only the wiring knows the concrete stores', () => {
    const concrete = [
      'storage/metadata/sqlite.ts',
      'storage/metadata/postgres.ts',
      'storage/blobs/filesystem.ts',
      'storage/blobs/s3/s3.ts',
    ]
    const users = server.filter(({ imports }) => imports.some((module) => concrete.includes(module)))
    assert.deepEqual(
      users.map(({ name }) => name).filter((name) => !wiring.includes(name)),
      [],
    )
  })

  test(`no file has more than ${longestFile} lines`, () => {
    const long = server.filter(({ text }) => text.split('\n').length - 1 > longestFile).map(({ name }) => name)
    assert.deepEqual(long, [])
  })

  test('every file of operations/ecr that is an operation is in operations/all.ts', () => {
    const names = server
      .filter(({ name }) => name.startsWith('operations/ecr/'))
      .flatMap(({ text }) => [...text.matchAll(/= operation\(\{\s+name: '(\w+)'/g)].map((match) => match[1] ?? ''))
    assert.deepEqual(names.toSorted(), [...operations.keys()].toSorted())
    assert.deepEqual(
      names.filter((name) => !privateOperationNames.some((known) => known === name)),
      [],
    )
  })
})

test('the contract package runs anywhere: it imports nothing but itself', () => {
  const foreign = sources(join(packages, 'api/src')).flatMap(({ name, imports }) =>
    imports.filter((module) => !isOurs(module) || module.startsWith('..')).map((module) => `${name} imports ${module}`),
  )
  assert.deepEqual(foreign, [])
})
