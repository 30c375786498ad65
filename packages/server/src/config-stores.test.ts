import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Config, ConfigError, parseConfig } from './config.ts'

const masterKey = Buffer.alloc(32, 7).toString('base64')
const shared = { BERTH_MASTER_KEY: masterKey }

const configOf = (env: Record<string, string>): Config => parseConfig({ env, folder: '/srv' })

function mistakeOf(env: Record<string, string>): string {
  try {
    configOf(env)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.mistakes.map(({ setting, message }) => `${setting} ${message}`).join('; ')
    throw error
  }
  return ''
}

describe('BERTH_DATABASE_URL', () => {
  test('names a server, a database, a user, and how to speak', () => {
    const text = 'postgres://ber%20th:p%40ss@[fd00::1]:6432/registry?sslmode=require&connections=25'
    assert.deepEqual(configOf({ ...shared, BERTH_DATABASE_URL: text }).database, {
      host: 'fd00::1',
      port: 6432,
      database: 'registry',
      user: 'ber th',
      password: 'p@ss',
      tls: 'require',
      connections: 25,
    })
    const plain = configOf({
      ...shared,
      BERTH_DATABASE_URL: 'postgresql://berth@localhost/berth?host=/run/postgresql',
    }).database
    assert.deepEqual(
      [plain?.port, plain?.socketFolder, plain?.tls, plain?.connections],
      [5432, '/run/postgresql', 'disable', 10],
    )
  })

  test('needs the master key of all nodes', () => {
    assert.match(
      mistakeOf({ BERTH_DATABASE_URL: 'postgres://berth@db/berth' }),
      /needs the master key that all nodes share/,
    )
  })

  for (const [text, says] of [
    ['mysql://berth@db/berth', /is not a URL such as postgres:/],
    ['postgres://berth@db', /names no database/],
    ['postgres://db/berth', /names no user/],
    ['postgres://berth@db/berth?sslmode=prefer', /is "prefer", not disable, require or verify-full/],
    ['postgres://berth@db/berth?sslrootcert=/nowhere.pem', /names \/nowhere.pem, which cannot be read/],
    ['postgres://berth@db/berth?connections=1', /no number from 2/],
    ['postgres://berth@db/berth?pool=3', /has the option "pool", which is none of/],
    ['postgres://berth@db/berth?connections=3&connections=4', /twice/],
  ] as const) {
    test(`${text} is refused, and never repeated: it holds a password`, () => {
      const said = mistakeOf({ ...shared, BERTH_DATABASE_URL: text })
      assert.match(said, says)
      assert.ok(!said.includes(text))
    })
  }
})

describe('BERTH_BLOB_STORE', () => {
  test('names a bucket, a place in it, and how to reach it', () => {
    const text =
      's3://blobs.example/some/where/?region=eu-west-1&endpoint=http://127.0.0.1:7070/&pathStyle=true&sse=aws:kms&sseKmsKeyId=k'
    const key = { BERTH_BLOB_STORE_ACCESS_KEY_ID: 'id', BERTH_BLOB_STORE_SECRET_ACCESS_KEY: 'secret' }
    assert.deepEqual(configOf({ BERTH_BLOB_STORE: text, ...key }).blobStore, {
      bucket: 'blobs.example',
      prefix: 'some/where/',
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:7070',
      isPathStyle: true,
      serverSideEncryption: 'aws:kms',
      kmsKeyId: 'k',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    })
    assert.deepEqual(configOf({ BERTH_BLOB_STORE: 's3://bucket' }).blobStore, {
      bucket: 'bucket',
      prefix: '',
      region: 'us-east-1',
      isPathStyle: false,
    })
  })

  for (const [env, says] of [
    [{ BERTH_BLOB_STORE: 'https://bucket' }, /is not a URL such as s3:/],
    [{ BERTH_BLOB_STORE: 's3://B' }, /names the bucket "B", which can be none/],
    [{ BERTH_BLOB_STORE: 's3://id:secret@bucket' }, /holds a key; give it by BERTH_BLOB_STORE_ACCESS_KEY_ID/],
    [{ BERTH_BLOB_STORE: 's3://bucket?endpoint=nowhere' }, /has the endpoint "nowhere", which is no URL/],
    [{ BERTH_BLOB_STORE: 's3://bucket?pathStyle=1' }, /is "1", not true or false/],
    [{ BERTH_BLOB_STORE: 's3://bucket?sseKmsKeyId=k' }, /has sseKmsKeyId without sse=aws:kms/],
    [{ BERTH_BLOB_STORE: 's3://bucket/a b' }, /has the prefix "a b"/],
    [{ BERTH_BLOB_STORE: 's3://bucket', BERTH_BLOB_STORE_ACCESS_KEY_ID: 'x' }, /needs its other half/],
    [{ BERTH_BLOB_STORE_ACCESS_KEY_ID: 'x' }, /is for the S3 store of BERTH_BLOB_STORE, which is not given/],
    [{ BERTH_BLOB_REDIRECT: 'on' }, /only blobs in an S3 store/],
  ] as const) {
    test(`${JSON.stringify(env)} is refused`, () => assert.match(mistakeOf(env), says))
  }
})

describe('what a process does', () => {
  test('roles and workers', () => {
    const { roles, workers } = configOf({ BERTH_ROLES: 'worker, worker', BERTH_WORKERS: '3' })
    assert.deepEqual([roles, workers], [['worker'], 3])
    assert.match(mistakeOf({ BERTH_ROLES: 'web,cron' }), /is "cron", not web or worker/)
    for (const text of ['0', '65', 'two', '1.5'])
      assert.match(mistakeOf({ BERTH_WORKERS: text }), /not a number from 1 to 64/)
  })
})
