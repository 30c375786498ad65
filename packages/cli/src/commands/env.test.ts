import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { quoteForSh, type Shell, thisCommand } from '../shells.ts'
import { exportsFor } from './env.ts'

const settings = {
  url: 'http://localhost:5000',
  region: 'eu-west-1',
  credentials: { accessKeyId: 'AKIAB7C2D9E4F6G8H1J3', secretAccessKey: `a/b+c=' "$HOME" \\ 'x` },
}

/** What a program sees that such a shell starts after the exports, or undefined when the machine lacks the shell. */
function seenAfter(shell: Shell, wrap: (exports: string) => string[]): Record<string, string> | undefined {
  const [program = '', ...args] = wrap(exportsFor(shell, settings, 'berth env'))
  const env = { PATH: process.env.PATH, AWS_SESSION_TOKEN: 'old', AWS_PROFILE: 'other' }
  const { stdout, error } = spawnSync(program, args, { env, encoding: 'utf8' })
  return error ? undefined : JSON.parse(stdout)
}

const print = `${quoteForSh(process.execPath)} -p 'JSON.stringify(process.env)'`

describe('berth env', () => {
  const cases: [Shell, string, (exports: string) => string[]][] = [
    ['sh', 'sh, quoted', (exports) => ['sh', '-c', `eval "$(cat <<'END'\n${exports}\nEND\n)"; ${print}`]],
    ['bash', 'bash', (exports) => ['bash', '-c', `${exports}\n${print}`]],
    ['zsh', 'zsh', (exports) => ['zsh', '-c', `${exports}\n${print}`]],
    ['fish', 'fish', (exports) => ['fish', '--no-config', '-c', `${exports}\n${print}`]],
    ['powershell', 'pwsh', (exports) => ['pwsh', '-NoProfile', '-Command', `${exports}\n& ${print}`]],
  ]
  for (const [shell, name, wrap] of cases) {
    it(`is understood by ${name}`, (t) => {
      const seen = seenAfter(shell, wrap)
      if (!seen) return t.skip(`there is no ${name} on this machine`)
      for (const service of ['ECR', 'IAM', 'STS']) assert.equal(seen[`AWS_ENDPOINT_URL_${service}`], settings.url)
      assert.equal(seen.AWS_ACCESS_KEY_ID, settings.credentials.accessKeyId)
      assert.equal(seen.AWS_SECRET_ACCESS_KEY, settings.credentials.secretAccessKey)
      assert.deepEqual([seen.AWS_REGION, seen.AWS_DEFAULT_REGION], ['eu-west-1', 'eu-west-1'])
      assert.deepEqual([seen.AWS_SESSION_TOKEN, seen.AWS_PROFILE], [undefined, undefined])
    })
  }

  it('is understood without quotes around it, as people paste it', () => {
    const plain = { ...settings, credentials: { accessKeyId: 'AKIA1', secretAccessKey: 'a/b+c=' } }
    const script = `eval $(cat <<'END'\n${exportsFor('sh', plain, 'berth env')}\nEND\n); ${print}`
    const { stdout } = spawnSync('sh', ['-c', script], {
      env: { PATH: process.env.PATH, AWS_PROFILE: 'other' },
      encoding: 'utf8',
    })
    const seen = JSON.parse(stdout)
    assert.deepEqual(
      [seen.AWS_SECRET_ACCESS_KEY, seen.AWS_DEFAULT_REGION, seen.AWS_PROFILE],
      ['a/b+c=', 'eu-west-1', undefined],
    )
  })
})

describe('the command to paste', () => {
  it('is the name where it is installed, and Node and the file elsewhere', () => {
    assert.equal(thisCommand(['/usr/bin/node', '/usr/local/bin/berth']), 'berth')
    assert.equal(
      thisCommand(['/n', '/clone/node_modules/.bin/berth']),
      `${quoteForSh(process.execPath)} /clone/node_modules/.bin/berth`,
    )
    assert.equal(
      thisCommand(['/n', "/my clone's/bin/berth.mjs"]),
      `${quoteForSh(process.execPath)} '/my clone'\\''s/bin/berth.mjs'`,
    )
  })
})
