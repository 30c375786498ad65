// oras: artifacts of any kind, with subjects and referrers; recursive copies of an image with all that is attached to it; blobs of no bytes.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Descriptor, digestOf, imageBuilder, mediaTypes, readLayoutBlob } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { fail, type RunOptions, succeed, tool } from '../support/tool.ts'

const oras = tool('oras')

interface Discovered {
  digest: string
  artifactType?: string
  annotations?: Record<string, string>
  referrers?: Discovered[]
}

describe('oras', { skip: oras.skip }, () => {
  let ground: ProvingGround
  let env: Record<string, string>
  const builder = imageBuilder()
  const image = builder.image({ layers: [60_000] })

  const invoke = (args: string[], options: RunOptions = {}) => succeed(oras, args, { ...options, env })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  const discover = async (reference: string, ...more: string[]): Promise<Discovered> =>
    JSON.parse((await invoke(['discover', '--format', 'json', ...more, reference])).stdout)

  before(async () => {
    ground = await provingGround()
    env = { DOCKER_CONFIG: ground.folder, HOME: ground.folder }
    await ground.createRepositories('oras/files', 'oras/app', 'oras/copy', 'oras/old', 'oras/early', 'oras/blobs')
    await invoke(['login', ground.server.host, '--username', 'AWS', '--password-stdin'], { input: ground.password })
    await ground.raw.push('oras/app', builder, image, 'v1')
  })
  after(() => ground?.close())

  it('pushes files as an artifact and pulls the same files', async () => {
    const [sent, received] = [local('sent'), local('received')]
    mkdirSync(join(sent, 'sub'), { recursive: true })
    const contents = { 'chart.bin': randomBytes(200_000), 'sub/notes.txt': Buffer.from('notes\n') }
    for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(sent, name), bytes)
    const files = ['chart.bin:application/vnd.example.chart', 'sub/notes.txt:text/plain']
    await invoke(['push', '--artifact-type', 'application/vnd.example.bundle', remote('oras/files:v1'), ...files], {
      cwd: sent,
    })
    await ground.raw.assertWhole('oras/files', 'v1')
    await invoke(['pull', '--output', received, remote('oras/files:v1')])
    for (const [name, bytes] of Object.entries(contents)) {
      assert.ok(readFileSync(join(received, name)).equals(bytes), `${name} came back with other bytes`)
    }
    const [row] = await ground.images('oras/files')
    assert.equal(row?.artifactMediaType, 'application/vnd.example.bundle', 'DescribeImages artifactMediaType')
    assert.equal(row?.imageManifestMediaType, mediaTypes.ociManifest)
  })

  it('attaches artifacts to an image, which are found by the referrers API with their annotations (end-12)', async () => {
    writeFileSync(local('sbom.json'), '{"sbom":true}')
    writeFileSync(local('sig.bin'), randomBytes(64))
    const attach = (type: string, file: string, ...more: string[]) =>
      invoke(['attach', '--artifact-type', type, ...more, remote('oras/app:v1'), `${file}:application/octet-stream`], {
        cwd: ground.folder,
      })
    const { stdout } = await attach('application/vnd.example.sbom', 'sbom.json', '--annotation', 'made=today')
    assert.match(stdout, /Digest: sha256:/)
    await attach('application/vnd.example.signature', 'sig.bin')

    const found = await discover(remote('oras/app:v1'))
    assert.equal(found.digest, image.digest)
    const types = found.referrers?.map((each) => each.artifactType).sort()
    assert.deepEqual(types, ['application/vnd.example.sbom', 'application/vnd.example.signature'])
    const sboms = await discover(remote('oras/app:v1'), '--artifact-type', 'application/vnd.example.sbom')
    assert.equal(sboms.referrers?.length, 1)
    assert.equal(sboms.referrers?.[0]?.annotations?.made, 'today')

    const filtered = await ground.raw.send(
      'GET',
      `/v2/oras/app/referrers/${image.digest}?artifactType=${encodeURIComponent('application/vnd.example.sbom')}`,
    )
    assert.equal(filtered.headers['oci-filters-applied'], 'artifactType')
    assert.equal(filtered.headers['content-type'], mediaTypes.ociIndex)
    const tags = (await invoke(['repo', 'tags', remote('oras/app')])).stdout.trim().split('\n')
    assert.deepEqual(tags, ['v1'], 'no fallback tag was needed: the answer to the push carried OCI-Subject')
  })

  it('attaches to what is attached, and shows the whole tree', async () => {
    const sboms = await discover(remote('oras/app:v1'), '--artifact-type', 'application/vnd.example.sbom')
    const sbom = sboms.referrers?.[0]?.digest ?? ''
    writeFileSync(local('attestation.txt'), 'it is true')
    await invoke(
      [
        'attach',
        '--artifact-type',
        'application/vnd.example.attestation',
        remote(`oras/app@${sbom}`),
        'attestation.txt',
      ],
      { cwd: ground.folder },
    )
    const tree = await discover(remote('oras/app:v1'))
    const branch = tree.referrers?.find((each) => each.digest === sbom)
    assert.equal(branch?.referrers?.[0]?.artifactType, 'application/vnd.example.attestation')
  })

  it('copies an image with all that is attached to it to another repository and to a layout', async () => {
    await invoke(['copy', '--recursive', remote('oras/app:v1'), remote('oras/copy:v1')])
    await ground.raw.assertHolds('oras/copy', builder, image)
    assert.deepEqual(shape(await discover(remote('oras/copy:v1'))), shape(await discover(remote('oras/app:v1'))))

    await invoke(['copy', '--recursive', remote('oras/app:v1'), '--to-oci-layout', `${local('layout')}:v1`])
    assertSameLayout(builder, image, local('layout'))
    const walk = async (node: Discovered): Promise<void> => {
      const { body } = await ground.raw.manifest('oras/app', node.digest)
      assert.ok(readLayoutBlob(local('layout'), node.digest).equals(body), `${node.digest} in the layout`)
      for (const each of node.referrers ?? []) await walk(each)
    }
    await walk(await discover(remote('oras/app:v1')))
  })

  it('finds referrers that came before their subject', async () => {
    const late = builder.image()
    const early = builder.artifact({ artifactType: 'application/vnd.example.early', subject: late })
    await ground.raw.push('oras/early', builder, early)
    assert.deepEqual(
      JSON.parse(
        (await ground.raw.send('GET', `/v2/oras/early/referrers/${late.digest}`)).body.toString(),
      ).manifests.map((each: Descriptor) => each.digest),
      [early.digest],
    )
    await ground.raw.push('oras/early', builder, late, 'v1')
    const found = await discover(remote('oras/early:v1'))
    assert.deepEqual(
      found.referrers?.map((each) => each.digest),
      [early.digest],
    )
    await invoke(['manifest', 'delete', '--force', remote(`oras/early@${early.digest}`)])
    assert.deepEqual((await discover(remote('oras/early:v1'))).referrers ?? [], [])
  })

  it('merges what an old client recorded under the fallback tag into the listing', async () => {
    const subject = builder.image()
    await ground.raw.push('oras/old', builder, subject, 'v1')
    writeFileSync(local('old.txt'), 'from before the referrers API')
    const args = [
      'attach',
      '--distribution-spec',
      'v1.1-referrers-tag',
      '--artifact-type',
      'application/vnd.example.old',
    ]
    await invoke([...args, remote('oras/old:v1'), 'old.txt'], { cwd: ground.folder })
    writeFileSync(local('new.txt'), 'from after')
    await invoke(['attach', '--artifact-type', 'application/vnd.example.new', remote('oras/old:v1'), 'new.txt'], {
      cwd: ground.folder,
    })
    const found = await discover(remote('oras/old:v1'), '--distribution-spec', 'v1.1-referrers-api')
    const types = found.referrers?.map((each) => each.artifactType).sort()
    assert.deepEqual(types, ['application/vnd.example.new', 'application/vnd.example.old'])
  })

  it('lists an entry of a fallback tag whose manifest itself names no subject, once', async () => {
    const subject = builder.image()
    const listed = builder.artifact({ artifactType: 'application/vnd.example.listed' })
    const named = builder.artifact({ artifactType: 'application/vnd.example.named', subject })
    const both = [
      { ...listed, artifactType: 'application/vnd.example.listed' },
      { ...named, artifactType: 'application/vnd.example.named' },
    ]
    await ground.raw.push('oras/old', builder, subject, 'v2')
    await ground.raw.push('oras/old', builder, builder.index(both), subject.digest.replace(':', '-'))
    const found = await discover(remote('oras/old:v2'), '--distribution-spec', 'v1.1-referrers-api')
    const digests = found.referrers?.map((each) => each.digest).sort()
    assert.deepEqual(digests, [listed.digest, named.digest].sort())
  })

  it('pushes and fetches single blobs, an empty one and one that it names by digest among them', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('{}'), randomBytes(70_000)]) {
      const digest = digestOf(bytes)
      writeFileSync(local('blob'), bytes)
      await invoke(['blob', 'push', remote(`oras/blobs@${digest}`), local('blob')])
      await invoke(['blob', 'fetch', '--output', local('blob-back'), remote(`oras/blobs@${digest}`)])
      assert.ok(readFileSync(local('blob-back')).equals(bytes), `the blob of ${bytes.length} bytes`)
      const seen = JSON.parse((await invoke(['blob', 'fetch', '--descriptor', remote(`oras/blobs@${digest}`)])).stdout)
      assert.equal(seen.size, bytes.length)
    }
    await fail(
      oras,
      ['blob', 'fetch', '--output', '-', remote(`oras/blobs@${digestOf(randomBytes(9))}`)],
      /not found/i,
      {
        env,
      },
    )
  })

  it('makes and changes indexes, tags and resolves', async () => {
    const other = builder.image({ platform: { os: 'linux', architecture: 'arm64' } })
    await ground.raw.push('oras/app', builder, other, 'v2')
    await invoke(['manifest', 'index', 'create', remote('oras/app:both,latest'), 'v1', 'v2'])
    const both = (await invoke(['resolve', remote('oras/app:both')])).stdout.trim()
    assert.equal((await invoke(['resolve', remote('oras/app:latest')])).stdout.trim(), both)
    await ground.raw.assertWhole('oras/app', 'latest')
    const fetched = await invoke(['manifest', 'fetch', remote('oras/app:both')])
    assert.equal(digestOf(fetched.bytes), both, 'the index that oras fetched')
    const arm = await invoke(['resolve', '--platform', 'linux/arm64', remote('oras/app:both')])
    assert.equal(arm.stdout.trim(), other.digest)
    await invoke(['tag', remote('oras/app:both'), 'stable', 'edge'])
    const tags = (await invoke(['repo', 'tags', remote('oras/app')])).stdout.trim().split('\n')
    assert.deepEqual(tags, ['both', 'edge', 'latest', 'stable', 'v1', 'v2'])
    const listed = (await invoke(['repo', 'ls', ground.server.host])).stdout.trim().split('\n')
    assert.deepEqual(listed, ['oras/app', 'oras/blobs', 'oras/copy', 'oras/early', 'oras/files', 'oras/old'])
  })

  it('is refused by name when it pushes to a repository that does not exist', async () => {
    writeFileSync(local('x.txt'), 'x')
    await fail(
      oras,
      ['push', remote('oras/nowhere:v1'), 'x.txt'],
      /The repository with name 'oras\/nowhere' does not exist in the registry with id '\d{12}'/,
      { env, cwd: ground.folder },
    )
  })
})

/** The tree of digests, in an order of its own. */
function shape(node: Discovered): unknown {
  const children = [...(node.referrers ?? [])].sort((a, b) => a.digest.localeCompare(b.digest))
  return { digest: node.digest, children: children.map(shape) }
}
