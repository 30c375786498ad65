// berth audit: the log of a data directory as an operator reads it. The log is written by the server's own part.

import assert from 'node:assert/strict'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEvent, AuditIdentity } from '@berth/server/audit/audit-event.ts'
import { createAuditLog } from '@berth/server/audit/audit-log.ts'
import { silentLog } from '@berth/server/base/log.ts'
import { type Berth, type Outcome, run, start, temporaryFolder } from './berth.ts'

const twoAtOnce = { concurrency: 2 }
const firstDay = Date.UTC(2026, 10, 1)
const hour = 3_600_000

const alice: AuditIdentity = {
  type: 'IAMUser',
  principalId: 'AIDAALICE',
  arn: 'arn:aws:iam::111111111111:user/alice',
  accountId: '111111111111',
  accessKeyId: 'AKIAALICEALICEALICE1',
  userName: 'alice',
}
const ci: AuditIdentity = {
  type: 'AssumedRole',
  principalId: 'AROACI:run-7',
  arn: 'arn:aws:sts::222222222222:assumed-role/ci/run-7',
  accountId: '222222222222',
  accessKeyId: 'ASIACICICICICICICICI',
  session: {
    issuer: {
      type: 'Role',
      principalId: 'AROACI',
      arn: 'arn:aws:iam::222222222222:role/deploy/ci',
      accountId: '222222222222',
      userName: 'ci',
    },
    createdAt: firstDay,
    isMfaAuthenticated: false,
  },
}

const denial = 'User: arn:aws:iam::111111111111:user/alice is not authorized to perform: ecr:PutImage'

function event(requestId: string, change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at: firstDay,
    source: 'ecr',
    name: 'PutImage',
    region: 'us-east-1',
    sourceAddress: '203.0.113.7',
    identity: alice,
    requestId,
    isReadOnly: false,
    recipients: ['111111111111'],
    resources: [{ arn: 'arn:aws:ecr:us-east-1:111111111111:repository/team/app', accountId: '111111111111' }],
    category: 'Management',
    ...change,
  }
}

/** Three days of a registry. */
const events: AuditEvent[] = [
  event('push'),
  event('denied', { at: firstDay + hour, error: { code: 'AccessDeniedException', message: denial } }),
  event('docker-denied', { at: firstDay + 2 * hour, error: { code: 'DENIED', message: denial } }),
  event('missing', {
    at: firstDay + 24 * hour,
    name: 'DescribeImages',
    isReadOnly: true,
    sourceAddress: '2001:db8::5',
    error: { code: 'RepositoryNotFoundException', message: 'The repository does not exist' },
  }),
  event('role', {
    at: firstDay + 25 * hour,
    source: 'sts',
    name: 'AssumeRole',
    recipients: ['111111111111', '222222222222'],
    requestParameters: { roleSessionName: 'Jürgen' },
    resources: [{ arn: 'arn:aws:iam::222222222222:role/deploy/ci', accountId: '222222222222', type: 'AWS::IAM::Role' }],
  }),
  event('policy', {
    at: firstDay + 26 * hour,
    source: 'iam',
    name: 'PutUserPolicy',
    requestParameters: { policyDocument: '{"Effect": "Allow"}' },
    resources: [],
  }),
  event('ci-push', {
    at: firstDay + 48 * hour,
    identity: ci,
    recipients: ['222222222222'],
    sourceAddress: '10.1.2.3',
    resources: ['repository/web', 'repository/api', 'repository/db'].map((name) => ({
      arn: `arn:aws:ecr:us-east-1:222222222222:${name}`,
      accountId: '222222222222',
    })),
  }),
  {
    ...event('stranger', { at: firstDay + 49 * hour, recipients: [], resources: [], sourceAddress: '198.51.100.9' }),
    ...{ name: 'GetAuthorizationToken', claimedAccessKeyId: 'AKIAIOSFODNN7EXAMPLE' },
    error: { code: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' },
  },
].map(({ identity, ...rest }) => (rest.requestId === 'stranger' || !identity ? rest : { ...rest, identity }))

async function write(dataDir: string, what: readonly AuditEvent[]): Promise<void> {
  const clock = { now: () => firstDay }
  const audit = createAuditLog({ target: 'file', dataDir, retentionMs: hour, clock, log: silentLog })
  for (const each of what) audit.record(each)
  await audit.close()
  assert.equal(audit.droppedEvents, 0)
}

async function written(t: TestContext, what: readonly AuditEvent[] = events): Promise<string> {
  const dataDir = await temporaryFolder(t)
  await write(dataDir, what)
  return dataDir
}

function requestsIn({ code, stdout }: Outcome): string[] {
  assert.equal(code, 0)
  const lines = stdout.split('\n')
  assert.equal(lines.pop(), '')
  return lines.map((line) => JSON.parse(line).requestID)
}

async function says(berth: Berth, text: string): Promise<void> {
  for (let turn = 0; !`${berth.stdout}${berth.stderr}`.includes(text); turn += 1) {
    assert.ok(turn < 1000, `it does not say ${text}: ${berth.stdout}${berth.stderr}`)
    await sleep(20)
  }
}

describe('berth audit tail', twoAtOnce, () => {
  it('prints the last events in a readable form', async (t) => {
    const { code, stdout, stderr } = await run(['audit', 'tail', '--data-dir', await written(t)])
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      '2026-11-01T00:00:00Z  111111111111  user/alice  ecr:PutImage  repository/team/app  203.0.113.7',
      `2026-11-01T01:00:00Z  111111111111  user/alice  ecr:PutImage  repository/team/app  203.0.113.7  AccessDeniedException: ${denial}`,
      `2026-11-01T02:00:00Z  111111111111  user/alice  ecr:PutImage  repository/team/app  203.0.113.7  DENIED: ${denial}`,
      '2026-11-02T00:00:00Z  111111111111  user/alice  ecr:DescribeImages  repository/team/app  2001:db8::5  RepositoryNotFoundException: The repository does not exist',
      '2026-11-02T01:00:00Z  111111111111  user/alice  sts:AssumeRole  role/deploy/ci  203.0.113.7',
      '2026-11-02T01:00:00Z  222222222222  111111111111:user/alice  sts:AssumeRole  role/deploy/ci  203.0.113.7',
      '2026-11-02T02:00:00Z  111111111111  user/alice  iam:PutUserPolicy  -  203.0.113.7',
      '2026-11-03T00:00:00Z  222222222222  assumed-role/ci/run-7  ecr:PutImage  repository/web (+2)  10.1.2.3',
      '2026-11-03T01:00:00Z  -  unknown AKIAIOSFODNN7EXAMPLE  ecr:GetAuthorizationToken  -  198.51.100.9  UnrecognizedClientException: The security token included in the request is invalid.',
      '',
    ])
  })

  it('prints as many as are asked for, over files, and whole records with --json', async (t) => {
    const dataDir = await written(t)
    const tail = async (...args: string[]) =>
      requestsIn(await run(['audit', 'tail', '--data-dir', dataDir, '--json', ...args]))
    assert.deepEqual(await tail('-n', '3'), ['policy', 'ci-push', 'stranger'])
    assert.deepEqual(await tail('--lines', '0'), [])
    const { stdout } = await run(['audit', 'tail', '--data-dir', dataDir, '-n', '1', '--json'])
    assert.equal(
      stdout,
      await readFile(join(dataDir, 'audit/2026-11-03.jsonl'), 'utf8').then((text) =>
        text.slice(text.indexOf('\n') + 1),
      ),
    )
  })

  it('finds the last of many', async (t) => {
    const many = Array.from({ length: 5000 }, (_, i) => event(String(i), { userAgent: 'x'.repeat(i % 700) }))
    const dataDir = await written(t, many)
    assert.deepEqual(
      requestsIn(await run(['audit', 'tail', '--data-dir', dataDir, '--json', '-n', '2500'])),
      Array.from({ length: 2500 }, (_, i) => String(2500 + i)),
    )
  })

  it('skips what is no record, and a last line that is being written', async (t) => {
    const dataDir = await written(t, [event('whole')])
    const path = join(dataDir, 'audit/2026-11-01.jsonl')
    const line = await readFile(path, 'utf8')
    const long = 'x'.repeat(3 * 1024 * 1024)
    await appendFile(
      path,
      `${line.slice(0, 100)}\n\nnull\n[1]\n"text"\n{"eventTime":1}\n${long}\n${line}${line.slice(0, -1)}`,
    )
    for (const command of ['tail', 'grep']) {
      assert.deepEqual(requestsIn(await run(['audit', command, '--data-dir', dataDir, '--json'])), ['whole', 'whole'])
    }
  })

  it('follows over files and midnight', async (t) => {
    const dataDir = await written(t, [event('old'), event('last')])
    const folder = join(dataDir, 'audit')
    const berth = start(t, ['audit', 'tail', '--data-dir', dataDir, '--json', '-n', '1', '-f'])
    await says(berth, '"last"')
    await write(dataDir, [event('same file')])
    await says(berth, '"same file"')
    // A line arrives in two parts.
    const [line = ''] = (await readFile(join(folder, '2026-11-01.jsonl'), 'utf8')).split('\n')
    const parts = line.replace('"old"', '"in parts"')
    await appendFile(join(folder, '2026-11-01.jsonl'), parts.slice(0, 200))
    await writeFile(join(folder, '2026-11-01.1.jsonl'), `${line.replace('"old"', '"next file"')}\n`)
    await says(berth, '"next file"')
    assert.ok(!berth.stdout.includes('in parts'))
    await appendFile(join(folder, '2026-11-01.jsonl'), `${parts.slice(200)}\n`)
    await says(berth, '"in parts"')
    await write(dataDir, [event('next day', { at: firstDay + 24 * hour })])
    await says(berth, '"next day"')
    await write(dataDir, [event('late', { at: firstDay })])
    await says(berth, '"late"')
    await write(dataDir, [event('third day', { at: firstDay + 48 * hour })])
    await says(berth, '"third day"')
    assert.deepEqual(requestsIn({ code: 0, stdout: berth.stdout, stderr: '' }), [
      'last',
      'same file',
      'next file',
      'in parts',
      'next day',
      'late',
      'third day',
    ])
    assert.equal((await berth.stop('SIGINT')).stderr, '')
  })

  it('waits for the first event of a new registry', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['audit', 'tail', '--data-dir', dataDir, '-f'])
    await says(berth, 'There is no event')
    await write(dataDir, [event('first')])
    await says(berth, 'ecr:PutImage')
  })

  it('ends when nobody reads any more', async (t) => {
    const dataDir = await written(t)
    const berth = start(t, ['audit', 'tail', '--data-dir', dataDir, '-f'])
    await says(berth, 'GetAuthorizationToken')
    berth.process.stdout.destroy()
    // The second event finds the pipe closed at the latest.
    for (let i = 0; berth.process.exitCode === null && i < 100; i += 1) {
      await write(dataDir, [event(String(i), { at: firstDay + 49 * hour })])
      await sleep(100)
    }
    assert.equal(berth.process.exitCode, 0)
  })
})

describe('berth audit grep', twoAtOnce, () => {
  const cases: [string, string[], string[]][] = [
    ['everything', [], ['push', 'denied', 'docker-denied', 'missing', 'role', 'role', 'policy', 'ci-push', 'stranger']],
    ['a part of an ARN', ['--principal', 'assumed-role/ci'], ['ci-push']],
    ['the role behind a session', ['--principal', 'role/deploy/ci'], ['ci-push']],
    ['an access key', ['--principal', 'ASIACICICICICICICICI'], ['ci-push']],
    ['a name, without regard to case', ['--principal', 'ALICE', '--event', 'iam:*'], ['policy']],
    ['nobody', ['--principal', 'unknown'], ['stranger']],
    ['an event', ['--event', 'assumerole'], ['role', 'role']],
    ['events of a kind', ['--event', 'Put*', '--since', '2026-11-02'], ['policy', 'ci-push']],
    ['an event of a service', ['--event', 'ecr:Put?mage', '--since', '2026-11-02'], ['ci-push']],
    ['no part of a name', ['--event', 'Put'], []],
    ['any failure', ['--error'], ['denied', 'docker-denied', 'missing', 'stranger']],
    ['a failure', ['--error', '*NotFound*'], ['missing']],
    ['denials', ['--denied'], ['denied', 'docker-denied']],
    ['a resource', ['--resource', 'REPOSITORY/api'], ['ci-push']],
    ['an account, as caller or owner', ['--account', '222222222222'], ['role', 'ci-push']],
    ['an address', ['--source-ip', '2001:db8::5'], ['missing']],
    ['a range', ['--source-ip', '10.0.0.0/8,198.51.100.0/24'], ['ci-push', 'stranger']],
    ['a day', ['--since', '2026-11-02', '--until', '2026-11-02T23:59'], ['missing', 'role', 'role', 'policy']],
    ['from a second', ['--since', '2026-11-03T01:00:00Z'], ['stranger']],
    ['up to a second', ['--until', '2026-11-01T02:00:00+01:00'], ['push', 'denied']],
    ['a text anywhere', ['repositorynotfound'], ['missing']],
    ['a text that is escaped in the record', ['Jürgen'], ['role', 'role']],
    ['a text with quotes', ['"Effect": "Allow"'], ['policy']],
    [
      'all of them',
      ['run-7', '--event', 'PutImage', '--account', '222222222222', '--since', '2026-11-01'],
      ['ci-push'],
    ],
  ]
  for (const [what, args, expected] of cases) {
    it(`finds ${what}`, async (t) => {
      const outcome = await run(['audit', 'grep', ...args, '--json', '--data-dir', await written(t)])
      assert.deepEqual(requestsIn(outcome), expected)
      assert.equal(/^No event in \S+ matches\.\n$/.test(outcome.stderr), expected.length === 0)
    })
  }

  it('counts durations from now', async (t) => {
    const now = Date.now()
    const dataDir = await written(t, [event('old', { at: now - 3 * hour }), event('new', { at: now - hour })])
    const grep = async (...args: string[]) =>
      requestsIn(await run(['audit', 'grep', '--json', '--data-dir', dataDir, ...args]))
    assert.deepEqual(await grep('--since', '2h'), ['new'])
    assert.deepEqual(await grep('--until', '120m'), ['old'])
    assert.deepEqual(await grep('--since', '4h', '--until', '10s'), ['old', 'new'])
  })

  it('prints a line for each, and takes the data directory from the environment', async (t) => {
    const { stdout } = await run(['audit', 'grep', '--denied'], { env: { BERTH_DATA_DIR: await written(t) } })
    assert.equal(stdout.split('\n').length, 3)
    assert.match(stdout, /^2026-11-01T01:00:00Z {2}111111111111 {2}user\/alice {2}ecr:PutImage /)
  })
})

describe('what strangers have written', twoAtOnce, () => {
  const nasty =
    '\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n2026-11-01T00:00:00Z forged\u202e\u2028\u200b\u007f\ud800 Jürgen'
  const isText = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u00ff\n]*$/

  async function print(dataDir: string): Promise<string[]> {
    const outputs: string[] = []
    for (const command of ['tail', 'grep']) {
      for (const form of [[], ['--json']]) {
        const { code, stdout } = await run(['audit', command, '--data-dir', dataDir, ...form])
        assert.equal(code, 0)
        assert.match(stdout, isText)
        assert.equal(stdout.split('\n').length, 2)
        outputs.push(stdout)
      }
    }
    return outputs
  }

  it('reaches the terminal as text only', async (t) => {
    const dataDir = await written(t, [
      event('1', {
        name: nasty,
        userAgent: nasty,
        sourceAddress: nasty,
        identity: { ...alice, arn: `arn:aws:iam::111111111111:user/${nasty}`, userName: nasty },
        error: { code: nasty, message: nasty },
        resources: [{ arn: nasty, accountId: nasty }],
      }),
    ])
    assert.match((await print(dataDir))[0] ?? '', / user\/\\u\{1b\}\[2J.* Jürgen {2}ecr:/)
  })

  it('is text only in a file that somebody has changed, too', async (t) => {
    const dataDir = await temporaryFolder(t)
    await mkdir(join(dataDir, 'audit'))
    const record = {
      eventTime: nasty,
      eventName: nasty,
      userIdentity: [nasty],
      resources: { ARN: nasty },
      errorCode: { toString: nasty },
    }
    // As JSON.stringify writes it: U+009B, U+2028 and U+202E stand there as they are.
    await writeFile(join(dataDir, 'audit/2026-11-01.jsonl'), `${JSON.stringify(record)}\n`)
    await print(dataDir)
  })
})

describe('berth audit says what to do', twoAtOnce, () => {
  it('where there is no log', async (t) => {
    const dataDir = await temporaryFolder(t)
    for (const command of ['tail', 'grep']) {
      const { code, stdout, stderr } = await run(['audit', command, '--data-dir', dataDir])
      assert.deepEqual([code, stdout], [1, ''])
      assert.ok(stderr.startsWith(`There is no audit log in ${dataDir}/audit.\nName the data directory`), stderr)
    }
    const nowhere = await run(['audit', 'tail', '-f', '--data-dir', join(dataDir, 'nowhere')])
    assert.deepEqual([nowhere.code, nowhere.stdout], [1, ''])
  })

  it('where it is somebody else’s', {
    skip: process.getuid?.() !== 0 && 'only root can be another user',
  }, async (t) => {
    const dataDir = await written(t)
    for (const command of ['tail', 'grep']) {
      const { code, stderr } = await run(['audit', command, '--data-dir', dataDir], { uid: 65_534 })
      assert.equal(code, 1)
      assert.match(stderr, /^\S+audit cannot be read \(EACCES\)\.\nThe audit log is for the user of the server only/)
    }
  })

  for (const [args, message] of [
    [['tail', '-n', 'many'], /Give a number from 0 to 100000\./],
    [['tail', '-n', '100001'], /Give a number from 0 to 100000\./],
    [['grep', '--since', 'yesterday'], /Give a time such as 2026-11-02, .*, or how long ago: 90s, 30m, 2h, 7d\./],
    [['grep', '--until', '2026-13-01'], /Give a time such as/],
    [['grep', '--source-ip', '10.0.0'], /Give an address or a range such as 10\.0\.0\.0\/8/],
    [['grep', 'one', 'two'], /too many arguments/],
    [['grep', '--princpal', 'x'], /unknown option '--princpal'\n\(Did you mean --principal\?\)/],
    [['find'], /unknown command 'find'/],
    [[], /^Usage: berth audit /],
  ] as const) {
    it(`about: audit ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(['audit', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, message)
    })
  }

  it('in its help', async () => {
    const help = async (...args: string[]) => {
      const { code, stdout } = await run(['audit', ...args, '--help'])
      assert.equal(code, 0)
      return stdout
    }
    assert.match(await help(), /^Usage: berth audit [\s\S]*^ {2}tail [\s\S]*^ {2}grep /m)
    const tail = await help('tail')
    for (const option of ['--lines', '--follow', '--json', '--data-dir']) assert.ok(tail.includes(option), option)
    assert.ok(!tail.includes('--listen'))
    const grep = await help('grep')
    for (const option of [
      ...[
        '--principal',
        '--event',
        '--error',
        '--denied',
        '--resource',
        '--account',
        '--source-ip',
        '--since',
        '--until',
      ],
      ...['--json', '--data-dir'],
    ]) {
      assert.ok(grep.includes(option), option)
    }
  })
})
