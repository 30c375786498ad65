import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IdentityError } from '../base/identity-error.ts'
import { conditionValues, sessionTags, sourceIdentityOf } from './web-identity-claims.ts'

const github = 'token.actions.githubusercontent.com'
const tagsClaim = 'https://aws.amazon.com/tags'
const claimsOf = (claims: object) => new Map<string, unknown>(Object.entries(claims))
const valuesOf = (issuer: string, claims: object) =>
  Object.fromEntries(conditionValues(issuer, claimsOf(claims), 'sts.amazonaws.com'))

describe('condition keys of a web identity (IAM, "Available keys for AWS OIDC federation")', () => {
  const ofGithub = {
    ...{
      iss: `https://${github}`,
      sub: 'repo:org/app:environment:prod',
      aud: ['a', 'b'],
      azp: 'c',
      jti: 'd',
      exp: 1,
      iat: 1,
    },
    ...{ actor: 'octocat', actor_id: '12', job_workflow_ref: 'org/app/.github/workflows/x.yml@refs/heads/main' },
    ...{ repository: 'org/app', repository_id: 74, workflow: 'release', ref: 'refs/heads/main', environment: 'prod' },
    ...{ enterprise_id: 5, repository_owner: 'org', run_id: '7', amr: ['a', 'b'], 'kubernetes.io': 'x' },
  }

  it('are of GitHub the nine that IAM has, beside audience, subject and methods', () => {
    assert.deepEqual(valuesOf(github, ofGithub), {
      ...{ aud: 'sts.amazonaws.com', sub: 'repo:org/app:environment:prod', amr: ['a', 'b'] },
      ...{ actor: 'octocat', actor_id: '12', job_workflow_ref: 'org/app/.github/workflows/x.yml@refs/heads/main' },
      ...{
        repository: 'org/app',
        repository_id: '74',
        workflow: 'release',
        ref: 'refs/heads/main',
        environment: 'prod',
      },
      ...{ enterprise_id: '5' },
    })
  })

  it('are of others who call themselves so the three alone', () => {
    for (const issuer of ['github.example.com', `${github}/enterprise`, `${github}.example.com`])
      assert.deepEqual(Object.keys(valuesOf(issuer, ofGithub)), ['aud', 'sub', 'amr'])
  })

  const pod = {
    namespace: 'builds',
    node: { name: 'n', uid: '1' },
    pod: { name: 'builder-0', uid: '2' },
    serviceaccount: { name: 'builder', uid: '3' },
    warnafter: 4,
  }

  it('are of Kubernetes also where the pod runs', () => {
    assert.deepEqual(valuesOf('cluster', { sub: 'system:serviceaccount:builds:builder', 'kubernetes.io': pod }), {
      ...{ aud: 'sts.amazonaws.com', sub: 'system:serviceaccount:builds:builder' },
      'kubernetes.io/namespace': 'builds',
      'kubernetes.io/serviceaccount/name': 'builder',
      'kubernetes.io/pod/name': 'builder-0',
    })
    for (const odd of [null, 'x', [pod], { namespace: null, pod: 'x', serviceaccount: [{ name: 'a' }] }, {}])
      assert.deepEqual(valuesOf('cluster', { 'kubernetes.io': odd }), { aud: 'sts.amazonaws.com' })
    // Claims of these very names, and what objects have by themselves, are nothing.
    const own = { 'kubernetes.io/namespace': 'x', 'kubernetes.io': JSON.parse('{"__proto__":{"namespace":"x"}}') }
    assert.deepEqual(valuesOf('cluster', own), { aud: 'sts.amazonaws.com' })
  })

  for (const [claim, value] of [
    ['a text', 'a text'],
    ['', ''],
    [12, '12'],
    [1.5, '1.5'],
    [true, 'true'],
    [false, 'false'],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[], []],
    [Array(100).fill('a'), Array(100).fill('a')],
    [Array(101).fill('a'), undefined],
    [['a', 1], undefined],
    [[['a']], undefined],
    [{ a: 'b' }, undefined],
    [null, undefined],
  ] as const) {
    it(`have ${JSON.stringify(value)?.slice(0, 20)} for ${JSON.stringify(claim).slice(0, 20)}`, () => {
      assert.deepEqual(conditionValues('issuer', claimsOf({ amr: claim }), 'a').get('amr'), value)
    })
  }
})

const rejected = (says: string) => (error: unknown) =>
  error instanceof IdentityError && error.code === 'IDPRejectedClaim' && error.message === says

describe('session tags of a web identity (IAM, "Pass session tags in AWS STS")', () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${i}`, 'value']))

  for (const [name, claims, tags, transitiveTagKeys] of [
    ['none', { tags: 'x' }, [], []],
    [
      'lists of one',
      { [tagsClaim]: { principal_tags: { Project: ['a'], Cost: ['b'] } } },
      [
        ['Project', 'a'],
        ['Cost', 'b'],
      ],
      [],
    ],
    ['texts', { [tagsClaim]: { principal_tags: { Project: 'a' } } }, [['Project', 'a']], []],
    ['nothing as a value', { [tagsClaim]: { principal_tags: { Project: [''] } } }, [['Project', '']], []],
    [
      'transitive ones, in other letters',
      { [tagsClaim]: { principal_tags: { Project: ['a'], Cost: ['b'] }, transitive_tag_keys: ['project', 'project'] } },
      [
        ['Project', 'a'],
        ['Cost', 'b'],
      ],
      ['project'],
    ],
    [
      'names of claims',
      { [`${tagsClaim}/principal_tags/Project`]: 'a', [`${tagsClaim}/transitive_tag_keys`]: ['Project'] },
      [['Project', 'a']],
      ['Project'],
    ],
    ['signs', { [tagsClaim]: { principal_tags: { 'a b_.:/=+-@é': 'c d' } } }, [['a b_.:/=+-@é', 'c d']], []],
    [
      'names that objects have',
      { [tagsClaim]: { principal_tags: JSON.parse('{"__proto__":"a"}') } },
      [['__proto__', 'a']],
      [],
    ],
    ['fifty', { [tagsClaim]: { principal_tags: many(50) } }, Object.entries(many(50)), []],
    [
      'the longest',
      { [tagsClaim]: { principal_tags: { ['k'.repeat(128)]: 'v'.repeat(256) } } },
      [['k'.repeat(128), 'v'.repeat(256)]],
      [],
    ],
  ] as const) {
    it(`may be ${name}`, () => {
      assert.deepEqual(sessionTags(claimsOf(claims)), {
        tags: tags.map(([key, value]) => ({ key, value })),
        transitiveTagKeys,
      })
    })
  }

  const key = 'The key of a session tag must have 1 to 128 characters that tags may have'
  const value = 'The value of a session tag must be one text of up to 256 characters that tags may have'
  const transitive = 'Transitive tag keys must be a list of keys of session tags'
  const twice = 'Keys of session tags must differ, also without regard to case'
  const ofTags = (principal_tags: unknown, more = {}) => ({ [tagsClaim]: { principal_tags, ...more } })

  for (const [name, claims, says] of [
    ['a list', { [tagsClaim]: [{ principal_tags: { a: 'b' } }] }, `${tagsClaim} must be an object`],
    ['a text', { [tagsClaim]: 'a' }, `${tagsClaim} must be an object`],
    ['fifty-one', ofTags(many(51)), 'There must be at most 50 session tags'],
    [
      'fifty-one in two forms',
      { ...ofTags(many(50)), [`${tagsClaim}/principal_tags/a`]: 'b' },
      'There must be at most 50 session tags',
    ],
    ['two values', ofTags({ a: ['b', 'c'] }), value],
    ['no value', ofTags({ a: [] }), value],
    ['a number', ofTags({ a: 1 }), value],
    ['null', ofTags({ a: null }), value],
    ['a value that is too long', ofTags({ a: 'v'.repeat(257) }), value],
    ['a value with a line break', ofTags({ a: 'b\nc' }), value],
    ['no key', ofTags({ '': 'b' }), key],
    ['a key that is too long', ofTags({ ['k'.repeat(129)]: 'b' }), key],
    ['a key with a star', ofTags({ '*': 'b' }), key],
    ["a key of Amazon's", ofTags({ 'AWS:a': 'b' }), key],
    ['one key in two spellings', ofTags({ a: 'b', A: 'c' }), twice],
    ['one key in two forms', { ...ofTags({ a: 'b' }), [`${tagsClaim}/principal_tags/A`]: 'b' }, twice],
    ['transitive keys of no tag', ofTags({ a: 'b' }, { transitive_tag_keys: ['b'] }), transitive],
    ['transitive keys without tags', { [tagsClaim]: { transitive_tag_keys: ['b'] } }, transitive],
    ['transitive keys that are a text', ofTags({ a: 'b' }, { transitive_tag_keys: 'a' }), transitive],
  ] as const) {
    it(`may not be ${name}`, () => assert.throws(() => sessionTags(claimsOf(claims)), rejected(says)))
  }
})

describe('the source identity of a web identity', () => {
  const claim = 'https://aws.amazon.com/source_identity'
  for (const identity of ['Admin', 'a@b.example', 'ab', 'a'.repeat(64), '_+=,.@-'])
    it(`may be ${identity}`, () => assert.equal(sourceIdentityOf(claimsOf({ [claim]: identity })), identity))
  for (const identity of ['a', 'a'.repeat(65), 'a b', 'aws:a', 'a\n', 'ä-ä', '', 1, null, ['Admin']]) {
    it(`may not be ${JSON.stringify(identity)}`, () =>
      assert.throws(
        () => sourceIdentityOf(claimsOf({ [claim]: identity })),
        rejected('The source identity must have 2 to 64 letters, digits and characters of _+=,.@-'),
      ))
  }
  it('may be nobody', () => assert.equal(sourceIdentityOf(claimsOf({})), undefined))
})
