import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ManifestError,
  type ManifestFault,
  maxDescriptors,
  maxManifestBytes,
  parseManifest,
  referrerArtifactType,
} from './manifest.ts'
import { isMediaType, manifestMediaTypes } from './media-types.ts'

const { dockerManifest, dockerManifestList, ociManifest, ociIndex } = manifestMediaTypes
const digest = `sha256:${'a'.repeat(64)}`
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 }
const layer = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: `sha512:${'b'.repeat(128)}`,
  size: 100,
}
const child = {
  mediaType: ociManifest,
  digest,
  size: 500,
  platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
}
const image = { schemaVersion: 2, config, layers: [layer] }
const index = { schemaVersion: 2, manifests: [child] }

function parse(document: unknown, mediaType?: string) {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  return parseManifest(new TextEncoder().encode(text), mediaType)
}

function refused(document: unknown, mediaType: string | undefined, fault: ManifestFault, message: RegExp | string) {
  assert.throws(
    () => parse(document, mediaType),
    (error) => {
      assert.ok(error instanceof ManifestError, String(error))
      assert.equal(error.fault, fault)
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      assert.match(error.message, /^[A-Z][^\n]+\.$/)
      return true
    },
  )
}

describe('images', () => {
  test('config and layers, in order', () => {
    const parsed = parse({ ...image, mediaType: ociManifest, annotations: { a: 'b' } }, ociManifest)
    assert.deepEqual(parsed, {
      kind: 'image',
      mediaType: ociManifest,
      config: { ...config, isDistributable: true },
      configMediaType: config.mediaType,
      layers: [{ ...layer, isDistributable: true }],
      manifests: [],
      annotations: { a: 'b' },
    })
  })
  test("Docker's schema 2, without a mediaType of its own", () => {
    assert.equal(parse(image, dockerManifest).mediaType, dockerManifest)
  })
  test('no layers at all (image-spec manifest.md: layers SHOULD have at least one entry)', () => {
    assert.deepEqual(parse({ ...image, layers: [] }, ociManifest).layers, [])
    assert.deepEqual(parse({ ...image, layers: null }, ociManifest).layers, [])
  })
  test('the same layer twice', () => {
    assert.equal(parse({ ...image, layers: [layer, layer] }, ociManifest).layers.length, 2)
  })
  test('layers that are fetched elsewhere (image-spec layer.md, "Non-Distributable Layers")', () => {
    const foreign = [
      'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      'application/vnd.oci.image.layer.nondistributable.v1.tar',
      'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
      'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    ]
    const urls = ['https://example.com/layer']
    const parsed = parse(
      { ...image, layers: foreign.map((mediaType) => ({ ...layer, mediaType, urls })) },
      dockerManifest,
    )
    for (const each of parsed.layers) assert.deepEqual([each.isDistributable, each.urls], [false, urls])
  })
  test('unknown members and types are fine (image-spec considerations.md, "Extensibility")', () => {
    const parsed = parse(
      {
        ...image,
        extra: { Layers: [1] },
        config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json', x: 1 },
      },
      ociManifest,
    )
    assert.equal(parsed.configMediaType, 'application/vnd.cncf.helm.config.v1+json')
  })
  test('members that are null are absent, as Go writes them', () => {
    const parsed = parse(
      {
        ...image,
        manifests: null,
        subject: null,
        annotations: null,
        layers: [{ ...layer, urls: null, platform: null }],
      },
      ociManifest,
    )
    assert.deepEqual(Object.keys(parsed).sort(), [
      'config',
      'configMediaType',
      'kind',
      'layers',
      'manifests',
      'mediaType',
    ])
    assert.deepEqual(parsed.layers, [{ ...layer, isDistributable: true }])
  })
  test('embedded data of the right length (image-spec descriptor.md, "Embedded Content")', () => {
    assert.equal(parse({ ...image, config: { ...config, data: 'e30=' } }, ociManifest).kind, 'image')
    assert.equal(parse({ ...image, config: { ...config, size: 0, data: '' } }, ociManifest).kind, 'image')
  })
  test('the own mediaType when none is given with it', () => {
    assert.equal(parse({ ...image, mediaType: dockerManifest }).mediaType, dockerManifest)
    assert.equal(parse({ ...index, mediaType: ociIndex }).mediaType, ociIndex)
  })
})

describe('indexes', () => {
  test('manifests with their platforms', () => {
    const parsed = parse({ ...index, mediaType: dockerManifestList }, dockerManifestList)
    assert.deepEqual(parsed, {
      kind: 'index',
      mediaType: dockerManifestList,
      layers: [],
      manifests: [{ ...child, isDistributable: true }],
    })
  })
  test('none at all', () => {
    assert.deepEqual(parse({ ...index, manifests: [] }, ociIndex).manifests, [])
  })
  test('entries of any type (image-spec image-index.md: an unknown mediaType MUST NOT generate an error)', () => {
    const types = [ociIndex, dockerManifest, 'application/vnd.example.thing+json', 'text/plain; charset=utf-8']
    const parsed = parse({ ...index, manifests: types.map((mediaType) => ({ ...child, mediaType })) }, ociIndex)
    assert.deepEqual(
      parsed.manifests.map((entry) => entry.mediaType),
      types,
    )
  })
  test('os.version', () => {
    const platform = { architecture: 'amd64', os: 'windows', 'os.version': '10.0.1', 'os.features': ['win32k'] }
    assert.deepEqual(parse({ ...index, manifests: [{ ...child, platform }] }, ociIndex).manifests[0]?.platform, {
      architecture: 'amd64',
      os: 'windows',
      osVersion: '10.0.1',
    })
  })
})

describe('subjects and artifact types (OCI end-12)', () => {
  const subject = { mediaType: ociManifest, digest, size: 500 }
  const cases: [string, unknown, string, string | undefined][] = [
    [
      'artifactType of an image',
      { ...image, artifactType: 'application/vnd.example', subject },
      ociManifest,
      'application/vnd.example',
    ],
    ['config.mediaType when it has none', { ...image, subject }, ociManifest, config.mediaType],
    ['config.mediaType when it is empty', { ...image, artifactType: '', subject }, ociManifest, config.mediaType],
    [
      'artifactType of an index',
      { ...index, artifactType: 'application/vnd.example', subject },
      ociIndex,
      'application/vnd.example',
    ],
    ['none for an index without', { ...index, subject }, ociIndex, undefined],
  ]
  for (const [name, document, mediaType, artifactType] of cases) {
    test(name, () => {
      const parsed = parse(document, mediaType)
      assert.deepEqual(parsed.subject, { ...subject, isDistributable: true })
      assert.equal(referrerArtifactType(parsed), artifactType)
    })
  }
  test('Docker manifests have neither', () => {
    const parsed = parse({ ...image, artifactType: 'application/vnd.example', subject }, dockerManifest)
    assert.deepEqual([parsed.subject, parsed.artifactType], [undefined, undefined])
  })
})

describe('refused', () => {
  const invalid: [string, string, unknown, string][] = [
    [
      'OCI image-spec manifest.md: schemaVersion',
      'schemaVersion is not 2',
      { ...image, schemaVersion: 1 },
      ociManifest,
    ],
    [
      'OCI image-spec manifest.md: schemaVersion',
      'schemaVersion is not 2',
      { ...image, schemaVersion: '2' },
      ociManifest,
    ],
    ['OCI image-spec manifest.md: schemaVersion', 'schemaVersion is not 2', { config, layers: [] }, ociManifest],
    ['CVE-2021-41190', 'manifests does not belong in an image', { ...image, manifests: [child] }, ociManifest],
    ['CVE-2021-41190', 'manifests does not belong in an image', { ...image, manifests: [] }, dockerManifest],
    ['CVE-2021-41190', 'layers does not belong in an index', { ...index, layers: [layer] }, ociIndex],
    ['CVE-2021-41190', 'config does not belong in an index', { ...index, config }, dockerManifestList],
    ['Docker schema 1', 'fsLayers does not belong in an image', { ...image, fsLayers: [] }, dockerManifest],
    ['OCI image-spec manifest.md: config', 'config is missing', { schemaVersion: 2, layers: [] }, ociManifest],
    ['OCI image-spec manifest.md: config', 'config is not an object', { ...image, config: [] }, ociManifest],
    ['OCI image-spec manifest.md: layers', 'layers is missing', { schemaVersion: 2, config }, ociManifest],
    ['OCI image-spec manifest.md: layers', 'layers is not a list', { ...image, layers: {} }, ociManifest],
    ['OCI image-spec image-index.md: manifests', 'manifests is missing', { schemaVersion: 2 }, ociIndex],
    ['OCI image-spec annotations.md', 'annotations is not an object', { ...image, annotations: [] }, ociManifest],
    [
      'OCI image-spec annotations.md',
      'annotations has a value that is not a string',
      { ...image, annotations: { a: 1 } },
      ociManifest,
    ],
    [
      'OCI image-spec manifest.md: artifactType',
      'artifactType is not a media type',
      { ...image, artifactType: 'sbom' },
      ociManifest,
    ],
    ['OCI image-spec manifest.md: subject', 'subject is not an object', { ...image, subject: digest }, ociManifest],
    ['OCI image-spec manifest.md: mediaType', 'mediaType is not a string', { ...image, mediaType: 1 }, ociManifest],
    [
      "Go's encoding/json",
      'the document has a member that some readers take for layers',
      { ...image, Layers: [] },
      ociManifest,
    ],
    [
      "Go's encoding/json",
      'the document has a member that some readers take for layers',
      { ...image, layerſ: [] },
      ociManifest,
    ],
    [
      "Go's encoding/json",
      'config has a member that some readers take for digest',
      { ...image, config: { ...config, DIGEST: '' } },
      ociManifest,
    ],
  ]
  for (const [source, problem, document, mediaType] of invalid) {
    test(`${source}: ${problem}`, () => refused(document, mediaType, 'invalid', `The manifest is invalid: ${problem}.`))
  }

  const descriptors: [string, Record<string, unknown>][] = [
    ['digest is not a sha256 or sha512 digest', { digest: undefined }],
    ['digest is not a sha256 or sha512 digest', { digest: 'a'.repeat(64) }],
    ['digest is not a sha256 or sha512 digest', { digest: `sha256:${'A'.repeat(64)}` }],
    ['digest is not a sha256 or sha512 digest', { digest: `sha256:${'a'.repeat(63)}` }],
    ['digest is not a sha256 or sha512 digest', { digest: `md5:${'a'.repeat(32)}` }],
    ['digest is not a sha256 or sha512 digest', { digest: `sha256:../../${'a'.repeat(58)}` }],
    ['size is not a whole number of bytes', { size: undefined }],
    ['size is not a whole number of bytes', { size: -1 }],
    ['size is not a whole number of bytes', { size: 1.5 }],
    ['size is not a whole number of bytes', { size: '100' }],
    ['size is not a whole number of bytes', { size: 2 ** 53 }],
    ['size is not a whole number of bytes', { size: null }],
    ['mediaType is not a media type', { mediaType: undefined }],
    ['mediaType is not a media type', { mediaType: '' }],
    ['mediaType is not a media type', { mediaType: 'tar' }],
    ['mediaType is not a media type', { mediaType: 'a/b\r\nx: y' }],
    ['mediaType is not a media type', { mediaType: `a/${'b'.repeat(254)}` }],
    ['urls is not a list', { urls: 'https://example.com' }],
    ['urls[1] is not a string', { urls: ['https://example.com', 1] }],
    ['annotations has a value that is not a string', { annotations: { a: null } }],
    ['platform is not an object', { platform: 'linux' }],
    ['platform.os is not a string', { platform: { os: 1 } }],
    ['data is not base64 of as many bytes as its size says', { data: 'e30=' }],
    ['data is not base64 of as many bytes as its size says', { data: {} }],
    ['data is not base64 of as many bytes as its size says', { size: 2, data: 'e30' }],
    ['data is not base64 of as many bytes as its size says', { size: 2, data: 'e3-=' }],
  ]
  for (const [problem, change] of descriptors) {
    test(`OCI image-spec descriptor.md: ${problem} (${JSON.stringify(change).slice(0, 60)})`, () => {
      const changed = { ...layer, ...change }
      refused(
        { ...image, layers: [layer, changed] },
        ociManifest,
        'invalid',
        `The manifest is invalid: layers[1].${problem}.`,
      )
      refused({ ...image, config: changed }, dockerManifest, 'invalid', `The manifest is invalid: config.${problem}.`)
      refused(
        { ...index, manifests: [changed] },
        ociIndex,
        'invalid',
        `The manifest is invalid: manifests[0].${problem}.`,
      )
      refused({ ...index, subject: changed }, ociIndex, 'invalid', `The manifest is invalid: subject.${problem}.`)
    })
  }

  const texts: [string, string, RegExp][] = [
    ['end-7: not JSON', '{"schemaVersion":2', /not JSON, at byte 18/],
    ['end-7: empty', '', /not JSON, at byte 0/],
    ['equal keys', `{"schemaVersion":2,"layers":[],"layers":[]}`, /the same key twice/],
    ['deep nesting', '['.repeat(100_000), /nested too deeply/],
  ]
  for (const [name, text, message] of texts) test(name, () => refused(text, ociManifest, 'not-json', message))

  for (const text of ['null', '[]', '"x"', '2']) {
    test(`a document that is ${text}`, () =>
      refused(text, ociManifest, 'invalid', 'The manifest is invalid: the document is not an object.'))
  }

  test('CVE-2021-41190: a mediaType that contradicts the one it was pushed with', () => {
    refused({ ...image, mediaType: ociIndex }, ociManifest, 'media-type-mismatch', /another than it was pushed with/)
    refused({ ...image, mediaType: '' }, ociManifest, 'media-type-mismatch', /another than it was pushed with/)
  })
  test('ECR PutImage: no media type anywhere', () => refused(image, undefined, 'media-type-missing', /no mediaType/))
  test('Docker schema 1', () => {
    for (const suffix of ['json', 'prettyjws']) {
      refused(image, `application/vnd.docker.distribution.manifest.v1+${suffix}`, 'media-type-unsupported', /schema 1/)
    }
  })
  test('other media types', () => {
    for (const mediaType of ['application/json', config.mediaType, 'toString', '', `${ociManifest}; charset=utf-8`]) {
      refused(image, mediaType, 'media-type-unsupported', /not that of a manifest/)
    }
  })
  test(`more than ${maxManifestBytes} bytes (ECR ImageManifest)`, () => {
    const padded = (length: number) => JSON.stringify(image).padEnd(length)
    assert.equal(parse(padded(maxManifestBytes), ociManifest).kind, 'image')
    refused(padded(maxManifestBytes + 1), ociManifest, 'too-large', /4194305 bytes/)
  })
  test(`more than ${maxDescriptors} descriptors`, () => {
    const many = (length: number) => ({
      ...index,
      manifests: Array.from({ length }, () => ({ mediaType: 'a/b', digest, size: 1 })),
    })
    assert.equal(parse(many(maxDescriptors), ociIndex).manifests.length, maxDescriptors)
    refused(many(maxDescriptors + 1), ociIndex, 'too-many-descriptors', /10001 descriptors/)
  })
})

test('media types (RFC 6838, section 4.2)', () => {
  for (const text of ['a/b', 'application/vnd.oci.image.layer.v1.tar+gzip', 'text/plain;charset=utf-8'])
    assert.ok(isMediaType(text), text)
  for (const text of ['', 'a', 'a/', '/b', 'a/b/c', 'a b/c', '.a/b', 'ä/b', 'a/b;\n'])
    assert.ok(!isMediaType(text), text)
})
