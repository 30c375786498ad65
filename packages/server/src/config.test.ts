import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { rootCertificates } from 'node:tls'
import {
  type Config,
  ConfigError,
  type ConfigSources,
  flagOf,
  isLoopbackHost,
  parseConfig,
  registryHostOf,
  settingKeys,
  variableOf,
} from './config.ts'

const key = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA='
const goodSecret = 'Zk3v9Qm1tRx7Lp2sYw8nBc4hJd6gFa0eUiOq'

function mistakesOf(sources: ConfigSources): string[] {
  try {
    parseConfig(sources)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(({ setting, message }) => `${setting} ${message}`)
  }
  return []
}

const env = (values: Record<string, string>) => parseConfig({ env: values })

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-config-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('a configuration without settings', () => {
  const config = parseConfig({ folder: '/srv' })

  it('is on loopback and durable, and frozen', () => {
    const { trustedProxies, ...rest } = config
    assert.deepEqual(rest, {
      isDev: false,
      listen: { host: '127.0.0.1', port: 5000 },
      isLoopback: true,
      dataDir: '/srv/berth-data',
      isDataDirTemporary: false,
      accountId: '123456789012',
      region: 'us-east-1',
      registryHost: undefined,
      isInsecureHttpAllowed: false,
      durability: 'full',
      uploadTtlMs: 12 * 3_600_000,
      logLevel: 'info',
      isBlobRedirectOn: false,
      roles: ['web', 'worker'],
      workers: Math.min(8, Math.max(1, Math.floor(availableParallelism() / 2))),
      oidc: { allowedHosts: [] },
      isTokenSessionBound: false,
      audit: { target: 'file', retentionMs: 90 * 86_400_000, includesPulls: false },
    })
    assert.equal(trustedProxies.check('127.0.0.1'), false)
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.listen))
  })

  it('makes the registry host from the port', () => {
    assert.deepEqual(registryHostOf(config, 5000), { template: 'localhost:5000', scheme: 'http' })
  })
})

describe('names', () => {
  it('of flag, variable and file are one name', () => {
    assert.deepEqual([flagOf('dataDir'), variableOf('dataDir')], ['data-dir', 'BERTH_DATA_DIR'])
    for (const name of [
      'BERTH_LISTEN BERTH_DATA_DIR BERTH_DATABASE_URL BERTH_BLOB_STORE BERTH_BLOB_STORE_ACCESS_KEY_ID',
      'BERTH_BLOB_STORE_SECRET_ACCESS_KEY BERTH_BLOB_REDIRECT BERTH_ACCOUNT_ID BERTH_REGION BERTH_REGIONS BERTH_REGISTRY_HOST',
      'BERTH_BOOTSTRAP_ACCESS_KEY_ID BERTH_BOOTSTRAP_SECRET_ACCESS_KEY BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE BERTH_MASTER_KEY',
      'BERTH_MASTER_KEY_FILE BERTH_TLS_CERT BERTH_TLS_KEY BERTH_INSECURE_HTTP BERTH_TRUSTED_PROXIES BERTH_METRICS_LISTEN',
      'BERTH_DURABILITY BERTH_ROLES BERTH_WORKERS BERTH_UPLOAD_TTL BERTH_BLOB_GRACE BERTH_TOKEN_SESSION_BOUND',
      'BERTH_AUDIT_LOG BERTH_AUDIT_RETENTION BERTH_AUDIT_PULLS BERTH_OIDC_CA_FILE BERTH_OIDC_ALLOWED_HOSTS',
    ].flatMap((line) => line.split(' '))) {
      assert.ok(
        settingKeys.some((setting) => variableOf(setting) === name),
        name,
      )
    }
  })
})

describe('sources', () => {
  it('are flags, then the environment, then the file', () => {
    const file = { region: 'eu-west-1', accountId: '111111111111', uploadTtl: '1h' }
    const sources = {
      file,
      env: { BERTH_REGION: 'eu-west-2', BERTH_ACCOUNT_ID: '222222222222' },
      flags: { region: 'eu-west-3' },
    }
    const config = parseConfig(sources)
    assert.deepEqual([config.region, config.accountId, config.uploadTtlMs], ['eu-west-3', '222222222222', 3_600_000])
  })

  it('take an empty variable for an unset one', () => {
    assert.equal(env({ BERTH_REGION: '', BERTH_NONSENSE: '', BERTH_CONFIG: '' }).region, 'us-east-1')
  })

  it('may be a file of JSON, whose relative paths start at its folder', async (t) => {
    const path = await folder(t)
    const file = join(path, 'berth.json')
    await writeFile(
      file,
      JSON.stringify({ listen: 5001, dataDir: 'data', regions: ['us-east-1', 'eu-west-1'], insecureHttp: true }),
    )
    for (const sources of [{ flags: { config: file } }, { env: { BERTH_CONFIG: 'berth.json' }, folder: path }]) {
      const config = parseConfig(sources)
      assert.deepEqual(
        [config.listen, config.dataDir, config.regions, config.isInsecureHttpAllowed],
        [{ host: '127.0.0.1', port: 5001 }, join(path, 'data'), ['us-east-1', 'eu-west-1'], true],
      )
    }
  })

  it('do not repeat the content of a file that is broken', async (t) => {
    const file = join(await folder(t), 'berth.json')
    const problem = async (content: string) => {
      await writeFile(file, content)
      return mistakesOf({ flags: { config: file } }).join('\n')
    }
    assert.match(
      await problem(`{"bootstrapSecretAccessKey": ${goodSecret}}`),
      /^--config names .*, which is not a JSON file: [^Z]*$/,
    )
    assert.match(await problem('[]'), /which does not hold a JSON object$/)
    assert.match(await problem('{"region":"eu-west-1","region":"eu-west-2"}'), /the same key twice/)
    assert.match(
      await problem('{"datadir":"/x"}'),
      /^"datadir" in .*berth\.json is not a setting; the nearest is "dataDir"$/,
    )
    assert.match(await problem('{"region":{}}'), /"region" in .* is neither a text/)
    assert.match(
      mistakesOf({ env: { BERTH_CONFIG: '/does/not/exist' } }).join(),
      /^BERTH_CONFIG names \/does\/not\/exist, which cannot be read \(ENOENT\)$/,
    )
  })

  it('do not read secrets from a file that is open to others', { skip: process.platform === 'win32' }, async (t) => {
    const file = join(await folder(t), 'berth.json')
    await writeFile(file, JSON.stringify({ masterKey: key }))
    await chmod(file, 0o644)
    assert.match(
      mistakesOf({ flags: { config: file } }).join(),
      /holds secrets \(masterKey\) and may be read .*chmod 600/,
    )
    await chmod(file, 0o600)
    assert.equal(parseConfig({ flags: { config: file } }).masterKey, key)
  })
})

describe('mistakes', () => {
  it('are reported together, each under the name that the operator gave', () => {
    const file = { uploadTtl: 'soon' }
    const found = mistakesOf({
      file,
      flags: { listen: 'nowhere', regoin: 'x' },
      env: { BERTH_ACCOUNT_ID: '12', BERTH_REGIN: 'eu-west-1', BERTH_DURABILITY: 'some' },
    })
    assert.deepEqual(found, [
      '--regoin is not a setting; the nearest is --region',
      'BERTH_REGIN is not a setting; the nearest is BERTH_REGION',
      '--listen is "nowhere", not an address and a port, such as 127.0.0.1:5000, [::1]:5000 or 0.0.0.0:443',
      'BERTH_ACCOUNT_ID is "12", not an account: twelve digits',
      'BERTH_DURABILITY is "some", not full or relaxed',
      '"uploadTtl" in the settings file is "soon", not a duration such as 90s, 30m, 12h or 7d',
    ])
  })

  it('are one text for the operator', () => {
    assert.throws(() => env({ BERTH_ACCOUNT_ID: '12', BERTH_LOG_LEVEL: 'loud' }), {
      message:
        'The configuration has 2 mistakes:\n  BERTH_ACCOUNT_ID is "12", not an account: twelve digits.\n  BERTH_LOG_LEVEL is "loud", not fatal, error, warn, info, debug, trace or silent.',
    })
  })

  it('include unknown variables, but not those of our tests nor those that Kubernetes adds to a pod', () => {
    assert.deepEqual(mistakesOf({ env: { BERTH_ZZZZZZZZZZZZZZZZZZZZ: '1' } }), [
      'BERTH_ZZZZZZZZZZZZZZZZZZZZ is not a setting',
    ])
    assert.deepEqual(mistakesOf({ env: { BERTH_DEV: 'true' } }), [
      'BERTH_DEV is not a setting; the nearest is the flag --dev',
    ])
    assert.equal(mistakesOf({ env: { BERTH_PORT: '8080' } }).length, 1)
    env({
      BERTH_TEST_BACKEND: 'x',
      BERTH_SERVICE_HOST: '10.0.0.1',
      BERTH_SERVICE_PORT: '5000',
      BERTH_SERVICE_PORT_HTTP: '5000',
      BERTH_PORT: 'tcp://10.0.0.1:5000',
      BERTH_PORT_5000_TCP: 'tcp://10.0.0.1:5000',
      BERTH_PORT_5000_TCP_PROTO: 'tcp',
      BERTH_PORT_5000_TCP_PORT: '5000',
      BERTH_PORT_5000_TCP_ADDR: '10.0.0.1',
      BERTH_METRICS_SERVICE_HOST: 'fd00::1',
    })
  })

  for (const [name, value, says] of [['BERTH_BLOB_GRACE', '1h', /such blobs are not removed yet/]] as const) {
    it(`include ${name}=${value}, which nothing serves yet`, () => {
      const [mistake, ...others] = mistakesOf({ env: { [name]: value } })
      assert.deepEqual(others, [])
      assert.ok(mistake?.startsWith(`${name} asks for what this version does not serve: `), mistake)
      assert.match(mistake ?? '', says)
    })
  }

  it('do not include what is not served yet when it says what happens anyway', () => {
    env({ BERTH_BLOB_GRACE: '1d' })
  })
})

describe('addresses', () => {
  const tls = { BERTH_INSECURE_HTTP: 'true', BERTH_REGISTRY_HOST: 'registry.example.com' }

  for (const [text, host, port, isLoopback] of [
    ['127.0.0.1:5000', '127.0.0.1', 5000, true],
    ['127.8.8.8:1', '127.8.8.8', 1, true],
    [':0', '127.0.0.1', 0, true],
    ['5000', '127.0.0.1', 5000, true],
    ['localhost:80', 'localhost', 80, true],
    ['[::1]:65535', '::1', 65_535, true],
    ['0.0.0.0:443', '0.0.0.0', 443, false],
    ['[::]:443', '::', 443, false],
    ['10.0.0.1:443', '10.0.0.1', 443, false],
    ['Registry.Example.com:443', 'registry.example.com', 443, false],
  ] as const) {
    it(`${text} is ${isLoopback ? '' : 'not '}loopback`, () => {
      const config = env({ ...tls, BERTH_LISTEN: text })
      assert.deepEqual([config.listen, config.isLoopback], [{ host, port }, isLoopback])
      assert.equal(isLoopbackHost(host), isLoopback)
    })
  }

  for (const text of [
    '127.0.0.1',
    '::1:5000',
    '127.0.0.1:65536',
    '127.0.0.300:80',
    '[127.0.0.1]:80',
    '[::1]',
    'a b:1',
    'http://localhost:1',
    '*:80',
  ]) {
    it(`${text} is refused`, () => assert.equal(mistakesOf({ env: { ...tls, BERTH_LISTEN: text } }).length, 1))
  }

  it('other than loopback need TLS, or the word of the operator', () => {
    const [mistake, ...others] = mistakesOf({ flags: { listen: '10.0.0.1:443' } })
    assert.deepEqual(others, [])
    assert.match(
      mistake ?? '',
      /^--listen is 10\.0\.0\.1:443, which other machines may reach: give BERTH_TLS_CERT and BERTH_TLS_KEY, or BERTH_INSECURE_HTTP=true/,
    )
    assert.equal(env({ BERTH_LISTEN: '10.0.0.1:443', BERTH_INSECURE_HTTP: 'true' }).isInsecureHttpAllowed, true)
    assert.equal(parseConfig({ flags: { listen: '10.0.0.1:443', insecureHttp: true } }).isInsecureHttpAllowed, true)
  })

  it('that are every address need a registry host', () => {
    for (const listen of ['0.0.0.0:443', '[::]:443']) {
      const [mistake, ...others] = mistakesOf({ env: { BERTH_LISTEN: listen, BERTH_INSECURE_HTTP: 'true' } })
      assert.deepEqual(others, [])
      assert.match(mistake ?? '', /^BERTH_REGISTRY_HOST is needed when listening on every address/)
    }
    const config = env({ BERTH_LISTEN: '10.0.0.1:443', BERTH_INSECURE_HTTP: 'true' })
    assert.deepEqual(registryHostOf(config, 443), { template: '10.0.0.1:443', scheme: 'http' })
  })

  it('of metrics are another listener', () => {
    assert.deepEqual(env({ BERTH_METRICS_LISTEN: '0.0.0.0:9090' }).metricsListen, { host: '0.0.0.0', port: 9090 })
    assert.match(mistakesOf({ env: { BERTH_METRICS_LISTEN: ':5000' } }).join(), /is the address of the main listener/)
    env({ BERTH_LISTEN: ':0', BERTH_METRICS_LISTEN: ':0' })
  })

  it('of proxies are ranges', () => {
    const { trustedProxies } = env({ BERTH_TRUSTED_PROXIES: '10.0.0.0/8, 192.168.1.1,fd00::/8' })
    const trusted = ['10.1.2.3', '192.168.1.1', '192.168.1.2', '8.8.8.8'].map((address) =>
      trustedProxies.check(address),
    )
    assert.deepEqual(trusted, [true, true, false, false])
    assert.ok(trustedProxies.check('fd12::1', 'ipv6'))
    for (const text of ['10.0.0.0/33', 'proxy', '10.0.0.0/8/8', '::/129', '/8']) {
      assert.equal(mistakesOf({ env: { BERTH_TRUSTED_PROXIES: text } }).length, 1, text)
    }
  })
})

describe('TLS', () => {
  it('takes two files that can be read', async (t) => {
    const path = await folder(t)
    const [certFile, keyFile] = [join(path, 'cert.pem'), join(path, 'key.pem')]
    await writeFile(certFile, 'x')
    assert.match(mistakesOf({ env: { BERTH_TLS_CERT: certFile } }).join(), /^BERTH_TLS_CERT needs its other half/)
    assert.match(
      mistakesOf({ env: { BERTH_TLS_CERT: certFile, BERTH_TLS_KEY: keyFile } }).join(),
      /^BERTH_TLS_KEY names .*key\.pem, which cannot be read \(ENOENT\)$/,
    )
    await writeFile(keyFile, 'x')
    const config = env({
      BERTH_TLS_CERT: certFile,
      BERTH_TLS_KEY: keyFile,
      BERTH_LISTEN: '0.0.0.0:443',
      BERTH_REGISTRY_HOST: 'r.example.com',
    })
    assert.deepEqual(config.tls, { certFile, keyFile })
    assert.deepEqual(registryHostOf(config, 443), { template: 'r.example.com', scheme: 'https' })
  })
})

describe('the registry host', () => {
  for (const [text, expected] of [
    ['registry.example.com', { template: 'registry.example.com' }],
    [
      'https://{account}.dkr.ecr.{region}.example.com',
      { template: '{account}.dkr.ecr.{region}.example.com', scheme: 'https' },
    ],
    ['http://localhost:5000/', { template: 'localhost:5000', scheme: 'http' }],
    ['localhost', { template: 'localhost' }],
    ['registry:5000', { template: 'registry:5000' }],
    ['10.0.0.1:5000', { template: '10.0.0.1:5000' }],
    ['[fd00::1]:5000', { template: '[fd00::1]:5000' }],
  ] as const) {
    it(`may be ${text}`, () => assert.deepEqual(env({ BERTH_REGISTRY_HOST: text }).registryHost, expected))
  }

  for (const [text, says] of [
    ['registry', /namespace of Docker Hub/],
    ['{accountid}.example.com', /holds \{accountid\}; only \{account\} and \{region\}/],
    ['Registry.example.com', /small letters/],
    ['example.com/path', /not a host/],
    ['ftp://example.com', /not a host/],
    ['example.com:99999', /not a host/],
    ['exa mple.com', /not a host/],
    ['-x.example.com', /not a host/],
  ] as const) {
    it(`may not be ${text}`, () => assert.match(mistakesOf({ env: { BERTH_REGISTRY_HOST: text } }).join(), says))
  }
})

describe('regions', () => {
  it('contain the home region', () => {
    assert.deepEqual(env({ BERTH_REGIONS: 'us-east-1, eu-west-1' }).regions, ['us-east-1', 'eu-west-1'])
    assert.match(
      mistakesOf({ env: { BERTH_REGIONS: 'eu-west-1' } }).join(),
      /^BERTH_REGIONS does not contain the home region, us-east-1$/,
    )
    assert.match(mistakesOf({ env: { BERTH_REGIONS: 'us-east-1,mars' } }).join(), /holds "mars"/)
  })
})

describe('durations', () => {
  for (const [text, ms] of [
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
  ] as const) {
    it(`${text} is ${ms} ms`, () => assert.equal(env({ BERTH_UPLOAD_TTL: text }).uploadTtlMs, ms))
  }
  for (const text of ['0s', '31d', '12', '1.5h', '-1h', '1w', 'h']) {
    it(`${text} is refused`, () => assert.equal(mistakesOf({ env: { BERTH_UPLOAD_TTL: text } }).length, 1))
  }
})

describe('identity providers', () => {
  for (const [text, expected] of [
    ['Kubernetes.Default.svc', ['kubernetes.default.svc']],
    ['issuer, issuer:443,issuer:6443', ['issuer', 'issuer:443', 'issuer:6443']],
    ['10.0.0.1:6443,[FD00:0::1],[::1]:8443', ['10.0.0.1:6443', '[fd00::1]', '[::1]:8443']],
  ] as const) {
    it(`${text} may have private addresses`, () =>
      assert.deepEqual(env({ BERTH_OIDC_ALLOWED_HOSTS: text }).oidc, { allowedHosts: expected }))
  }

  for (const text of [
    ...['*.example.com', 'https://issuer', 'issuer/path', 'issuer:0', 'issuer:65536', 'issuer:', '[::1', '::1', 'a b'],
    ...['10.0.0.0/8', '010.0.0.1', '0x7f.1', '127.1', '2130706433', '[10.0.0.1]', 'issuer.', 'user@issuer'],
  ]) {
    it(`${text} is no host of one`, () =>
      assert.deepEqual(mistakesOf({ env: { BERTH_OIDC_ALLOWED_HOSTS: text } }), [
        `BERTH_OIDC_ALLOWED_HOSTS holds "${text}", not a host with an optional port, such as issuer.example.com or 10.0.0.1:6443`,
      ]))
  }

  it('have authorities in a file', async (t) => {
    const path = await folder(t)
    const [roots, broken, empty] = [join(path, 'roots.pem'), join(path, 'broken.pem'), join(path, 'empty.pem')]
    const pem = `# a comment\n${rootCertificates.slice(0, 2).join('\n')}\n`
    await writeFile(roots, pem)
    await writeFile(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    await writeFile(empty, 'none')
    assert.deepEqual(env({ BERTH_OIDC_CA_FILE: roots }).oidc, { ca: pem, allowedHosts: [] })
    for (const [file, says] of [
      [broken, `names ${broken}, which holds a certificate that cannot be read`],
      [empty, `names ${empty}, which holds no certificate in PEM`],
      [join(path, 'absent.pem'), `names ${join(path, 'absent.pem')}, which cannot be read (ENOENT)`],
    ] as const) {
      assert.deepEqual(mistakesOf({ env: { BERTH_OIDC_CA_FILE: file } }), [`BERTH_OIDC_CA_FILE ${says}`])
    }
  })
})

describe('docker tokens', () => {
  it('may end with the role session behind them', () => {
    assert.equal(env({ BERTH_TOKEN_SESSION_BOUND: 'true' }).isTokenSessionBound, true)
    assert.equal(parseConfig({ flags: { tokenSessionBound: true } }).isTokenSessionBound, true)
    assert.deepEqual(mistakesOf({ env: { BERTH_TOKEN_SESSION_BOUND: 'yes' } }), [
      'BERTH_TOKEN_SESSION_BOUND is "yes", not true or false',
    ])
  })
})

describe('the audit log', () => {
  it('goes to a place, is kept for days, and may have pulls', () => {
    const values = { BERTH_AUDIT_LOG: 'stdout', BERTH_AUDIT_RETENTION: '7d', BERTH_AUDIT_PULLS: 'true' }
    assert.deepEqual(env(values).audit, { target: 'stdout', retentionMs: 7 * 86_400_000, includesPulls: true })
    assert.deepEqual(
      mistakesOf({ env: { BERTH_AUDIT_LOG: 's3', BERTH_AUDIT_RETENTION: '1h', BERTH_AUDIT_PULLS: 'yes' } }),
      [
        'BERTH_AUDIT_LOG is "s3", not file, stdout or off',
        'BERTH_AUDIT_RETENTION is 1h, and must be from 1d to 3650d',
        'BERTH_AUDIT_PULLS is "yes", not true or false',
      ],
    )
  })
})

describe('the master key', () => {
  it('is checked and never repeated', () => {
    assert.equal(env({ BERTH_MASTER_KEY: key }).masterKey, key)
    const [mistake] = mistakesOf({ env: { BERTH_MASTER_KEY: 'not-base64-of-32-bytes' } })
    assert.match(mistake ?? '', /^BERTH_MASTER_KEY is no key ring: the key is not 32 bytes in base64/)
    assert.ok(!mistake?.includes('not-base64'))
  })

  it('comes from one place', () => {
    assert.match(
      mistakesOf({ env: { BERTH_MASTER_KEY: key, BERTH_MASTER_KEY_FILE: '/x' } }).join(),
      /^BERTH_MASTER_KEY and BERTH_MASTER_KEY_FILE are both given; give one of them$/,
    )
    assert.equal(parseConfig({ env: { BERTH_MASTER_KEY_FILE: 'ring' }, folder: '/srv' }).masterKeyFile, '/srv/ring')
  })
})

describe('the bootstrap key', () => {
  const good = { BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAB7C2D9E4F6G8H1J3', BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: goodSecret }

  it('is an id and a secret, which may be in a file', async (t) => {
    const expected: Config['bootstrap'] = { accessKeyId: 'AKIAB7C2D9E4F6G8H1J3', secretAccessKey: goodSecret }
    assert.deepEqual(env(good).bootstrap, expected)
    const file = join(await folder(t), 'secret')
    await writeFile(file, `${goodSecret}\n`)
    const { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY, ...id } = good
    assert.deepEqual(env({ ...id, BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE: file }).bootstrap, expected)
    assert.match(mistakesOf({ env: { ...good, BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE: file } }).join(), /both given/)
    await writeFile(file, '\n')
    assert.match(mistakesOf({ env: { ...id, BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE: file } }).join(), /which is empty/)
    assert.match(mistakesOf({ env: id }).join(), /^BERTH_BOOTSTRAP_ACCESS_KEY_ID needs its other half/)
    assert.match(
      mistakesOf({ env: { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY } }).join(),
      /needs its other half: BERTH_BOOTSTRAP_ACCESS_KEY_ID$/,
    )
  })

  for (const [what, change] of [
    ['short secret', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: goodSecret.slice(0, 31) }],
    ['secret with a space', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: `${goodSecret} x` }],
    [
      "secret of Amazon's documentation",
      { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    ],
    ['secret of few letters', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: '0'.repeat(40) }],
    ['secret that repeats a default', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'minioadmin'.repeat(4) }],
    ["id of Amazon's documentation", { BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }],
    ['short id', { BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'admin' }],
    ['id that repeats a default', { BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'testtesttesttest' }],
  ] as const) {
    it(`is not a ${what}, and the secret is not repeated`, () => {
      const values = { ...good, ...change }
      const [mistake, ...others] = mistakesOf({ env: values })
      assert.ok(mistake)
      assert.deepEqual(others, [])
      assert.ok(!mistake.includes(values.BERTH_BOOTSTRAP_SECRET_ACCESS_KEY))
    })
  }
})

describe('--dev', () => {
  const dev = (values: Record<string, string> = {}, flags: Record<string, string | boolean> = {}) =>
    parseConfig({ env: values, flags: { dev: true, ...flags } })

  it('has a temporary store, a known account and key, and does not wait for the disk', () => {
    const config = dev()
    assert.deepEqual(
      [config.isDev, config.accountId, config.bootstrap, config.durability, config.isDataDirTemporary],
      [true, '000000000000', { accessKeyId: 'test', secretAccessKey: 'test' }, 'relaxed', true],
    )
    assert.ok(config.dataDir.startsWith(tmpdir()))
    assert.notEqual(dev().dataDir, config.dataDir)
  })

  it('keeps what is given', () => {
    const config = dev({ BERTH_DATA_DIR: '/srv/dev', BERTH_ACCOUNT_ID: '111111111111', BERTH_DURABILITY: 'full' })
    assert.deepEqual(
      [config.dataDir, config.isDataDirTemporary, config.accountId, config.durability],
      ['/srv/dev', false, '111111111111', 'full'],
    )
    assert.deepEqual(dev({ BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'a', BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'b' }).bootstrap, {
      accessKeyId: 'a',
      secretAccessKey: 'b',
    })
  })

  it('is for loopback only', () => {
    const values = { BERTH_LISTEN: '10.0.0.1:5000', BERTH_INSECURE_HTTP: 'true' }
    assert.deepEqual(mistakesOf({ env: values, flags: { dev: true } }), [
      'BERTH_LISTEN is 10.0.0.1:5000, but --dev is for loopback only',
    ])
  })
})
