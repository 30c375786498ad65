import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalPath, canonicalQuery, canonicalRequest, collectHeaders, parseQuery } from './canonical-request.ts'

describe('the canonical path (SigV4, every service but S3)', () => {
  const cases: [path: string, normalized: string, asItIs: string][] = [
    ['', '/', ''],
    ['/', '/', '/'],
    ['//', '/', '//'],
    ['/./', '/', '/./'],
    ['/a/../..', '/', '/a/../..'],
    ['/a//b/', '/a/b/', '/a//b/'],
    ['/a/./b/../c', '/a/c', '/a/./b/../c'],
    ['/.well-known/x', '/.well-known/x', '/.well-known/x'],
    ['/a%20b', '/a%2520b', '/a%2520b'],
    ['/a b', '/a%20b', '/a%20b'],
    ['/%2e%2e/x', '/%252e%252e/x', '/%252e%252e/x'],
    ['/\u00e1\u0088\u00b4', '/%E1%88%B4', '/%E1%88%B4'],
    ['/a*b:c@d', '/a%2Ab%3Ac%40d', '/a%2Ab%3Ac%40d'],
    // smithy-rs's additions to AWS's vectors: `double-encode-path` and `double-url-encode`.
    [
      '/test/@connections/JBDvjfGEIAMCERw%3D',
      '/test/%40connections/JBDvjfGEIAMCERw%253D',
      '/test/%40connections/JBDvjfGEIAMCERw%253D',
    ],
    [
      '/2015-03-31/functions/arn%3Aaws%3Alambda/invocations',
      '/2015-03-31/functions/arn%253Aaws%253Alambda/invocations',
      '/2015-03-31/functions/arn%253Aaws%253Alambda/invocations',
    ],
  ]
  for (const [path, normalized, asItIs] of cases) {
    it(`'${path}' becomes '${normalized}'`, () => {
      assert.equal(canonicalPath(path), normalized)
      assert.equal(canonicalPath(path, false), asItIs)
    })
  }
})

describe('the canonical query (SigV4)', () => {
  const cases: [rule: string, query: string, canonical: string][] = [
    ['parameters are sorted by name', 'b=1&a=2', 'a=2&b=1'],
    ['parameters of one name are sorted by value', 'a=2&a=10&a=1', 'a=1&a=10&a=2'],
    ['the name decides before the equals sign counts', 'a-=1&a=2&a0=3', 'a=2&a-=1&a0=3'],
    ['upper case comes first', 'b=1&B=2', 'B=2&b=1'],
    ['a parameter without a value gets an equals sign', 'a&b', 'a=&b='],
    ['only the first equals sign divides', 'a=b=c', 'a=b%3Dc'],
    ['a plus is a plus and not a space', 'a=1+2', 'a=1%2B2'],
    ['escapes are written in upper case', 'a=%2f%e1', 'a=%2F%E1'],
    ['what needs no escape loses it', '%61=%7E', 'a=~'],
    ['raw bytes are escaped', '\u00e1\u0088\u00b4=bar', '%E1%88%B4=bar'],
    ['the order is that of the encoded names', '%7B=1&z=2', '%7B=1&z=2'],
    ['a percent sign that starts no escape stays one', 'a=%zz&b=%', 'a=%25zz&b=%25'],
    ['empty pieces are nothing', '&a=1&&', 'a=1'],
    ['the signature is left out', 'X-Amz-Signature=x&X%2DAmz-Signature=y&X-Amz-Date=z', 'X-Amz-Date=z'],
  ]
  for (const [rule, query, canonical] of cases) {
    it(`${rule}: '${query}'`, () => assert.equal(canonicalQuery(query), canonical))
  }

  it('what a parameter says is read from the same pieces', () => {
    assert.deepEqual(parseQuery('X%2DAmz-Date=a%2Fb+c&x'), [
      { name: 'X-Amz-Date', value: 'a/b+c' },
      { name: 'x', value: '' },
    ])
  })
})

describe('canonical headers (SigV4)', () => {
  it('names are lower case, values trimmed and their white space collapsed', () => {
    const { headers } = collectHeaders(['My-Header', '  a \t b\r\n  "c   d"  '])
    assert.deepEqual([...headers], [['my-header', 'a b "c d"']])
  })

  it('repeated headers are joined by a comma without a space, in the order received, and reported', () => {
    const { headers, repeated } = collectHeaders(['B', ' 2', 'a', 'x', 'b', '1 '])
    assert.equal(headers.get('b'), '2,1')
    assert.deepEqual(repeated, ['b'])
  })

  it('a latin-1 byte that JavaScript takes for white space stays (UTF-8 in a header)', () => {
    assert.equal(collectHeaders(['a', 'caf\u00c3\u00a9\u00c2\u00a0']).headers.get('a'), 'caf\u00c3\u00a9\u00c2\u00a0')
  })

  it('only signed headers are in the canonical request, in the order of their list', () => {
    const { headers } = collectHeaders(['X-B', '2', 'Host', 'h', 'X-A', '1'])
    const text = canonicalRequest({
      method: 'POST',
      target: '/',
      headers,
      signedHeaders: ['host', 'x-b'],
      payloadHash: 'p',
    })
    assert.equal(text, 'POST\n/\n\nhost:h\nx-b:2\n\nhost;x-b\np')
  })
})
