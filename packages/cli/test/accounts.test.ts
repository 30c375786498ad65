// What an operator sees of berth account and berth root, and what becomes of it when the store is served.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { DescribeRegistryCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { type Outcome, run, start, temporaryFolder } from './berth.ts'

/** Most of a test is the start of a process. */
const twoAtOnce = { concurrency: 2 }
const first = '123456789012'
const other = '210987654321'

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

function done({ code, stdout, stderr }: Outcome): string {
  assert.deepEqual([code, stderr], [0, ''], stdout + stderr)
  return stdout
}

/** One clear sentence and a way out; nothing on standard output. */
function refused({ code, stdout, stderr }: Outcome, says: RegExp): void {
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, says)
  assert.equal(stderr.trimEnd().split('\n').length, 2, stderr)
}

function shownKey(text: string): Credentials {
  const match = /^ {2}access key id {6}(AKIA[A-Z2-7]{16})\n {2}secret access key {2}(\S{40})\n$/m.exec(text)
  assert.ok(match, text)
  return { accessKeyId: match[1] ?? '', secretAccessKey: match[2] ?? '' }
}

async function store(t: TestContext): Promise<{ folder: string; dataDir: string; berth: typeof run }> {
  const folder = await temporaryFolder(t)
  const dataDir = join(folder, 'data')
  done(await run(['init', '--data-dir', dataDir, '--account-id', first]))
  return { folder, dataDir, berth: (args) => run([...args, '--data-dir', dataDir]) }
}

async function keyOf(path: string): Promise<Credentials> {
  const text = await readFile(path, 'utf8')
  const match = /^\[default\]\naws_access_key_id = (\S+)\naws_secret_access_key = (\S+)\n$/.exec(text)
  assert.ok(match, 'not in the form of the shared credentials file')
  return { accessKeyId: match[1] ?? '', secretAccessKey: match[2] ?? '' }
}

const asks = (endpoint: string, credentials: Credentials) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { ...credentials },
  maxAttempts: 1,
})

const registryIdAt = async (url: string, credentials: Credentials) =>
  (await new ECRClient(asks(url, credentials)).send(new DescribeRegistryCommand({}))).registryId

const callerAt = async (url: string, credentials: Credentials) =>
  (await new STSClient(asks(url, credentials)).send(new GetCallerIdentityCommand({}))).Arn

async function dockerStatus(url: string, authorization: string): Promise<number> {
  const answer = await fetch(`${url}/v2/`, { headers: { authorization } })
  await answer.arrayBuffer()
  return answer.status
}

describe('berth account create', twoAtOnce, () => {
  it('makes an account, random unless told, and shows the key of its administrator once', async (t) => {
    const { berth } = await store(t)
    const made = done(await berth(['account', 'create']))
    const accountId = /^Made account ([1-9]\d{11})\. /.exec(made)?.[1]
    assert.ok(accountId, made)
    const { secretAccessKey } = shownKey(made)
    assert.match(
      done(await berth(['account', 'create', '--account-id', other, '--alias', 'team-a'])),
      /^Made account 210987654321 \(team-a\)\. /,
    )

    const table = done(await berth(['account', 'list']))
    assert.match(table, /^ACCOUNT {7}ALIAS {3}CREATED {19}STATE {2}USERS {2}ROLES\n/)
    assert.match(table, new RegExp(`^${accountId} {2}- {7}20\\S+Z {2}open {3}1 {6}0$`, 'm'))
    assert.match(table, /^210987654321 {2}team-a {2}20\S+Z {2}open {3}1 {6}0$/m)
    const rows = JSON.parse(done(await berth(['account', 'list', '--json']))) as Record<string, unknown>[]
    const { createdAt, ...row } = rows.find((each) => each.accountId === other) ?? {}
    assert.deepEqual(row, { accountId: other, alias: 'team-a', closedAt: null, isFirst: false, users: 1, roles: 0 })
    assert.ok(Date.now() - Date.parse(String(createdAt)) < 60_000)
    assert.deepEqual(
      rows.map((each) => each.accountId),
      [first, other, accountId].toSorted(),
    )
    assert.equal(rows.find((each) => each.isFirst)?.accountId, first)
    assert.ok(!JSON.stringify(await berth(['audit', 'grep', '--json'])).includes(secretAccessKey))
  })

  it('writes the key to a new file of its owner alone, and never over one that is there', async (t) => {
    const { folder, berth } = await store(t)
    const file = join(folder, 'team-a')
    const made = done(await berth(['account', 'create', '--account-id', other, '--credentials-file', file]))
    const { accessKeyId, secretAccessKey } = await keyOf(file)
    assert.ok(made.includes(accessKeyId) && made.includes(file) && !made.includes(secretAccessKey), made)
    assert.equal((await stat(file)).mode & 0o777, 0o600)

    refused(await berth(['account', 'create', '--credentials-file', file]), /is there already, and is not overwritten/)
    refused(
      await berth(['account', 'create', '--credentials-file', join(folder, 'no', 'file')]),
      /can not be written \(ENOENT\)/,
    )
    assert.deepEqual(await keyOf(file), { accessKeyId, secretAccessKey })
    assert.equal((JSON.parse(done(await berth(['account', 'list', '--json']))) as unknown[]).length, 2)
  })

  it('refuses ids and aliases that are taken or are none, and leaves no file behind', async (t) => {
    const { folder, berth } = await store(t)
    done(await berth(['account', 'create', '--account-id', other, '--alias', 'team-a']))
    const file = join(folder, 'file')
    for (const [args, says] of [
      [['--account-id', other], /There is an account 210987654321 already/],
      [['--alias', 'team-a'], /Account 210987654321 has the alias "team-a"/],
      [['--alias', 'Team A'], /"Team A" can not be the alias/],
      [['--alias', 'a--b'], /can not be the alias/],
    ] as const) {
      refused(await berth(['account', 'create', ...args, '--credentials-file', file]), says)
      assert.ok(!existsSync(file))
    }
    assert.equal((await berth(['account', 'create', '--account-id', '12345'])).code, 2)
  })
})

describe('where there is no store, or it is served', twoAtOnce, () => {
  const commands = [
    ['account', 'create'],
    ['account', 'list'],
    ['account', 'close', other, '--yes'],
    ['account', 'open', other],
    ['root', 'create-key', '--account', first],
    ['root', 'delete-key', '--account', first],
    ['keys', 'list'],
    ['keys', 'rotate'],
    ['keys', 'prune'],
  ]

  it('nothing is made', async (t) => {
    const dataDir = join(await temporaryFolder(t), 'typo')
    for (const args of commands) {
      refused(
        await run([...args, '--data-dir', dataDir]),
        /^There is no store in \S+typo yet\.\nGive the data directory/,
      )
      assert.ok(!existsSync(dataDir))
    }
  })

  it('an embedded store is only for its server', async (t) => {
    const { dataDir } = await store(t)
    const server = start(t, ['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir])
    await server.listening()
    for (const args of commands)
      refused(
        await run([...args, '--data-dir', dataDir]),
        /^Another process uses the data directory .*\nStop the server first/,
      )
    assert.equal((await server.stop()).code, 0)
  })
})

describe('berth account close and open', () => {
  it('close says what ends, ends it, removes nothing; open undoes it', async (t) => {
    const { folder, dataDir, berth } = await store(t)
    const file = join(folder, 'admin')
    done(await berth(['account', 'create', '--account-id', other, '--credentials-file', file]))
    const theirs = await keyOf(file)
    const ours = await keyOf(join(dataDir, 'credentials'))
    let token = ''
    const served = async (use: (url: string) => Promise<void>) => {
      const server = start(t, ['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir])
      await use(await server.listening())
      assert.equal((await server.stop()).code, 0)
    }
    await served(async (url) => {
      assert.equal(await registryIdAt(url, theirs), other)
      const { authorizationData } = await new ECRClient(asks(url, theirs)).send(new GetAuthorizationTokenCommand({}))
      token = `Basic ${authorizationData?.[0]?.authorizationToken}`
      assert.equal(await dockerStatus(url, token), 200)
    })

    refused(
      await berth(['account', 'close', other]),
      /ends the access keys, .* its users \(1\) and roles \(0\).*\n.*--yes/,
    )
    refused(await berth(['account', 'close', first, '--yes']), /is the first of this installation/)
    refused(await berth(['account', 'close', '999999999999', '--yes']), /There is no account 999999999999/)
    assert.match(done(await berth(['account', 'list'])), /^210987654321 .* open /m)
    assert.match(done(await berth(['account', 'close', other, '--yes'])), /^Closed account 210987654321\. /)
    assert.match(done(await berth(['account', 'close', other, '--yes'])), /is closed already, since 20/)
    assert.match(done(await berth(['account', 'list'])), /^210987654321 .* closed 20\S+Z /m)
    refused(await berth(['root', 'create-key', '--account', other]), /is closed\.\nOpen it first: `berth account open/)
    await served(async (url) => {
      await assert.rejects(registryIdAt(url, theirs), { name: 'UnrecognizedClientException' })
      assert.equal(await dockerStatus(url, token), 403)
      assert.equal(await registryIdAt(url, ours), first)
    })

    assert.match(done(await berth(['account', 'open', other])), /^Opened account 210987654321\. /)
    assert.match(done(await berth(['account', 'open', other])), /is open already/)
    await served(async (url) => {
      assert.equal(await registryIdAt(url, theirs), other)
      assert.equal(await dockerStatus(url, token), 200)
    })
    const events = done(await berth(['audit', 'grep', '--account', other, '--event', '*Account']))
    assert.deepEqual(
      [...events.matchAll(/organizations:(\w+)/g)].map((match) => match[1]),
      ['CreateAccount', 'CloseAccount', 'OpenAccount'],
    )
  })
})

describe('berth root', () => {
  it('makes a key that is the root user, two at most, and deletes it; the audit log tells of each', async (t) => {
    const { folder, dataDir, berth } = await store(t)
    const file = join(folder, 'root')
    const one = shownKey(done(await berth(['root', 'create-key', '--account', first])))
    done(await berth(['root', 'create-key', '--account', first, '--credentials-file', file]))
    const two = await keyOf(file)
    refused(await berth(['root', 'create-key', '--account', first]), /has two access keys already: AKIA.* and AKIA/)
    refused(await berth(['root', 'create-key', '--account', other]), /There is no account 210987654321/)
    assert.equal((await berth(['root', 'create-key'])).code, 2)
    const served = async (use: (url: string) => Promise<void>) => {
      const server = start(t, ['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir])
      await use(await server.listening())
      assert.equal((await server.stop()).code, 0)
    }
    await served(async (url) => {
      for (const key of [one, two]) assert.equal(await callerAt(url, key), `arn:aws:iam::${first}:root`)
    })

    const deleteKey = ['root', 'delete-key', '--account', first]
    refused(await berth(deleteKey), /has two access keys: AKIA.*\nSay which one/)
    const admin = await keyOf(join(dataDir, 'credentials'))
    refused(await berth([...deleteKey, '--access-key-id', admin.accessKeyId]), /has no access key AKIA/)
    done(await berth([...deleteKey, '--access-key-id', one.accessKeyId]))
    assert.equal(
      done(await berth(deleteKey)),
      `Deleted the access key ${two.accessKeyId} of the root user of account ${first}.\n`,
    )
    refused(await berth(deleteKey), /has no access key\.\n/)
    await served(async (url) => {
      await assert.rejects(callerAt(url, one), { name: 'InvalidClientTokenId' })
      assert.equal(await registryIdAt(url, admin), first)
    })

    const events = done(await berth(['audit', 'grep', '--event', 'iam:*AccessKey', '--json']))
    const records = events
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      records.map((record) => [
        record.eventName,
        record.userIdentity.type,
        record.recipientAccountId,
        record.requestParameters.accessKeyId ?? record.responseElements.accessKey.accessKeyId,
      ]),
      [
        ['CreateAccessKey', 'AWSService', first, one.accessKeyId],
        ['CreateAccessKey', 'AWSService', first, two.accessKeyId],
        ['DeleteAccessKey', 'AWSService', first, one.accessKeyId],
        ['DeleteAccessKey', 'AWSService', first, two.accessKeyId],
      ],
    )
    assert.ok(!events.includes(one.secretAccessKey) && !events.includes(two.secretAccessKey))
  })

  it('makes no key that the audit log can not tell of', async (t) => {
    const { folder, dataDir, berth } = await store(t)
    await rm(join(dataDir, 'audit'), { recursive: true, force: true })
    await writeFile(join(dataDir, 'audit'), 'no folder')
    const file = join(folder, 'root')
    const outcome = await berth(['root', 'create-key', '--account', first, '--credentials-file', file])
    assert.deepEqual([outcome.code, outcome.stdout, existsSync(file)], [1, '', false])
    assert.match(outcome.stderr, /^The audit log can not be written, and this is done only where it can\.$/m)
    await rm(join(dataDir, 'audit'))
    await mkdir(join(dataDir, 'audit'), { mode: 0o700 })
    refused(await berth(['root', 'delete-key', '--account', first]), /has no access key/)
  })
})
