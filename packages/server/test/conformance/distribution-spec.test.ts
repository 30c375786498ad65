// The OCI conformance program against a real server, with every switch on that Berth does not refuse on purpose. The program ends with
// success when a registry lacks something, so its own report is read here: a skip that is not on the list below is a failure.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { run, tool } from '../support/tool.ts'

const conformance = tool('conformance')

/** What is switched off, as the program names it in its configuration, and why. */
const switchedOff = {
  OCI_API_BLOBS_DELETE: {
    path: 'apis.blobs.delete',
    why: 'DELETE of a blob answers 405, as ECR: blobs go when nothing refers to them any more',
  },
  OCI_DATA_SPARSE: {
    path: 'data.sparse',
    why: 'a manifest is accepted only when all that it names is here, as ECR',
  },
}

const switchedOn = [
  ...['PING', 'PULL', 'PUSH', 'REFERRER'].map((name) => `OCI_API_${name}`),
  ...['ATOMIC', 'DIGEST_HEADER', 'MOUNT_ANONYMOUS', 'UPLOAD_CANCEL'].map((name) => `OCI_API_BLOBS_${name}`),
  ...['ATOMIC', 'DELETE', 'DIGEST_HEADER', 'TAG_PARAM'].map((name) => `OCI_API_MANIFESTS_${name}`),
  ...['ATOMIC', 'DELETE', 'LIST'].map((name) => `OCI_API_TAGS_${name}`),
  ...['IMAGE', 'INDEX', 'INDEX_LIST', 'ARTIFACT', 'SUBJECT', 'SUBJECT_MISSING', 'ARTIFACT_LIST', 'SUBJECT_LIST'].map(
    (name) => `OCI_DATA_${name}`,
  ),
  ...['DATA_FIELD', 'NONDISTRIBUTABLE', 'CUSTOM_FIELDS', 'NO_LAYERS', 'EMPTY_BLOB', 'SHA512'].map(
    (name) => `OCI_DATA_${name}`,
  ),
]

/** Results that may be other than a pass: only those of the blob DELETE that is switched off. */
const mayBeSkipped = (leaf: Leaf) =>
  leaf.name.endsWith('/blob-delete') && /is disabled in the configuration/.test(leaf.transcript)

describe('OCI distribution specification', { skip: conformance.skip }, () => {
  let ground: ProvingGround

  before(async () => {
    ground = await provingGround()
  })
  after(() => ground?.close())

  for (const version of ['1.1', 'dev']) {
    it(`passes the conformance program of version ${version}, with no skip but blob DELETE`, async () => {
      const name = `conformance-${version.replace('.', '-')}`
      await ground.createRepositories(`${name}/one`, `${name}/two`)
      const results = join(ground.folder, name)
      const outcome = await run(conformance, [], {
        env: {
          ...withoutSettings(process.env),
          OCI_VERSION: version,
          OCI_REGISTRY: ground.server.host,
          OCI_TLS: 'disabled',
          OCI_REPO1: `${name}/one`,
          OCI_REPO2: `${name}/two`,
          OCI_USERNAME: 'AWS',
          OCI_PASSWORD: ground.password,
          OCI_RESULTS_DIR: results,
          OCI_CONFIGURATION: '/dev/null',
          ...Object.fromEntries(switchedOn.map((each) => [each, 'true'])),
          ...Object.fromEntries(Object.keys(switchedOff).map((each) => [each, 'false'])),
        },
        timeoutMs: 300_000,
      })
      const xml = await readFile(join(results, 'junit.xml'), 'utf8').catch(() => '')
      assert.notEqual(xml, '', `no report; the program ended with ${outcome.code}: ${outcome.stderr}${outcome.stdout}`)
      const report = parseReport(xml)
      for (const [setting, { why }] of Object.entries(switchedOff)) {
        console.log(`SKIPPED conformance ${version} ${setting}=false: ${why}`)
      }
      printSkips(version, report.leaves)

      const { counts } = report
      console.log(`conformance ${version}: ${JSON.stringify(counts)}`)
      const failed = report.leaves.filter((leaf) => leaf.status === 'failure' || leaf.status === 'error')
      assert.equal(counts.failures + counts.errors + failed.length, 0, explainAll(failed))
      const unexpected = report.leaves.filter((leaf) => leaf.status === 'skipped' && !mayBeSkipped(leaf))
      assert.equal(unexpected.length, 0, `skips that are not on the list:\n${explainAll(unexpected)}`)
      assert.equal(counts.skipped, 0, 'the program found something that the registry does not support')
      assert.equal(outcome.code, 0, `the program ended with ${outcome.code}: ${outcome.stderr}`)

      const off = [...report.config.matchAll(/^.*: false$/gm)].map((match) => pathOf(report.config, match.index))
      const allowed = Object.values(switchedOff).map(({ path }) => path)
      assert.deepEqual(off, allowed, 'what is switched off, by the program’s own account')
      const passed = counts.tests - counts.disabled
      assert.ok(passed >= 600, `only ${passed} results: the program did not run to its end`)
    })
  }
})

interface Leaf {
  name: string
  status: string
  /** Why it failed. */
  errors: string
  /** The requests and answers. */
  transcript: string
}

interface Report {
  counts: Record<'tests' | 'failures' | 'errors' | 'skipped' | 'disabled', number>
  /** The configuration as the program understood it, in YAML. */
  config: string
  leaves: Leaf[]
}

function parseReport(xml: string): Report {
  const suite = /<testsuite [^>]*>/.exec(xml)?.[0] ?? ''
  const count = (name: string) => Number(attribute(suite, name) || 0)
  const leaves = [...xml.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)].map(([, head = '', body = '']) => ({
    name: attribute(head, 'name'),
    status: attribute(head, 'status'),
    errors: element(body, 'system-out'),
    transcript: element(body, 'system-err'),
  }))
  return {
    counts: {
      tests: count('tests'),
      failures: count('failures'),
      errors: count('errors'),
      skipped: count('skipped'),
      disabled: count('disabled'),
    },
    config: attribute(/<property name="Config"[^>]*>/.exec(xml)?.[0] ?? '', 'value'),
    leaves,
  }
}

function attribute(tag: string, name: string): string {
  return unescapeXml(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(tag)?.[1] ?? '')
}

function element(xml: string, name: string): string {
  return unescapeXml(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1] ?? '')
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
  return text.replace(/&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal) return String.fromCodePoint(Number(decimal))
    return named[name] ?? whole
  })
}

/** `apis.blobs.delete`, for the line of YAML at an offset. */
function pathOf(yaml: string, offset: number): string {
  const lines = yaml.slice(0, yaml.indexOf('\n', offset)).split('\n')
  const path: string[] = []
  let indent = Number.POSITIVE_INFINITY
  for (const line of lines.reverse()) {
    const here = line.length - line.trimStart().length
    if (here >= indent) continue
    indent = here
    path.unshift(line.trim().split(':')[0] ?? '')
  }
  return path.join('.')
}

function printSkips(version: string, leaves: Leaf[]) {
  const skips = new Map<string, number>()
  for (const leaf of leaves) {
    if (leaf.status === 'passed' || leaf.status === 'failure' || leaf.status === 'error') continue
    const reason = leaf.transcript.slice(leaf.transcript.lastIndexOf('skipping test:')).replace(/\s+/g, ' ').trim()
    const line = `${leaf.name}: ${reason || leaf.errors}`
    skips.set(line, (skips.get(line) ?? 0) + 1)
  }
  for (const [line, times] of skips) console.log(`  not run in ${version}, ${times} ×: ${line}`)
}

/** Names and reasons of all, and what was sent and answered for the first dozen. */
function explainAll(leaves: Leaf[]): string {
  const rest = leaves.slice(12).map((leaf) => `${leaf.name}: ${leaf.status}: ${leaf.errors}`)
  return [...leaves.slice(0, 12).map(explain), ...rest].join('\n\n')
}

function explain(leaf: Leaf): string {
  const transcript = leaf.transcript.length > 6_000 ? `…${leaf.transcript.slice(-6_000)}` : leaf.transcript
  return `${leaf.name}: ${leaf.status}: ${leaf.errors}\n${transcript}`
}

function withoutSettings(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('OCI_'))
  return Object.fromEntries(kept) as Record<string, string>
}
