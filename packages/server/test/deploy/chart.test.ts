// The chart, as an API server and as Berth would read it: each document decoded strictly into its real type, and the settings of each pod
// given to Berth's own parser.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { tooOpen } from '../../src/auth/key-ring.ts'
import { describeSetting, parseConfig, settingKeys, variableOf } from '../../src/config.ts'
import {
  chartFolder,
  checkProgram,
  clone,
  type Deployment,
  type Manifest,
  type PodTemplate,
} from '../support/deployment.ts'
import { serve } from '../support/serve.ts'
import { fail, succeed, tool } from '../support/tool.ts'

const helm = tool('helm')
const check = await checkProgram()
const valuesFiles = readdirSync(join(chartFolder, 'ci')).filter((name) => name.endsWith('-values.yaml'))
const secretVariables = settingKeys.filter((key) => describeSetting(key).isSecret).map(variableOf)
/** What an operator would have put into the Secret. */
const secretOf: Record<string, string> = {
  'database-url': 'postgres://berth:p%40ss@db.example.com:5432/berth?sslmode=require',
  'bootstrap-access-key-id': 'AKIAINTERNALCHECKS01',
  'bootstrap-secret-access-key': 'not/a/secret+but/forty/characters/of/it0',
  'blob-store-access-key-id': 'BUCKETKEY',
  'blob-store-secret-access-key': 'bucket-secret',
}

const valuesOf = (file: string) => ['--values', join(chartFolder, 'ci', file)]
// `go install` leaves helm without a version of Kubernetes of its own.
const template = (...args: string[]) => ['template', 'berth', chartFolder, '--kube-version', '1.34.0', ...args]

async function render(...args: string[]): Promise<Manifest[]> {
  const { stdout } = await succeed(helm, template(...args))
  const checked = await succeed(check, ['kubernetes'], { input: stdout })
  return JSON.parse(checked.stdout) as Manifest[]
}

const deploymentsOf = (manifests: Manifest[]) =>
  manifests.filter((each): each is Deployment => each.kind === 'Deployment')
const only = <T>(items: T[]): T => {
  assert.equal(items.length, 1)
  return items[0] as T
}
const containerOf = (pod: PodTemplate) => only(pod.spec.containers)

/** The environment of the pod's process; `optional`: whether the Secret has what need not be there. */
function environmentOf(pod: PodTemplate, manifests: Manifest[], optional: boolean): Record<string, string> {
  const container = containerOf(pod)
  const env: Record<string, string> = {}
  for (const { configMapRef } of container.envFrom) {
    const map = only(manifests.filter((each) => each.kind === 'ConfigMap' && each.metadata.name === configMapRef.name))
    Object.assign(env, map.data)
  }
  for (const { name, value, valueFrom } of container.env) {
    if (value !== undefined) env[name] = value
    else if (valueFrom && (optional || !valueFrom.secretKeyRef.optional)) {
      const secret = secretOf[valueFrom.secretKeyRef.key]
      assert.ok(secret, `${name} comes from the key ${valueFrom.secretKeyRef.key}, which values.yaml does not name`)
      env[name] = secret
    }
  }
  return env
}

describe('the chart', { skip: helm.skip || check.skip }, () => {
  const rendered = new Map<string, Manifest[]>()
  let folder = ''
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-chart-'))
    for (const name of ['tls.crt', 'tls.key']) writeFileSync(join(folder, name), 'PEM')
    for (const file of valuesFiles) rendered.set(file, await render(...valuesOf(file)))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const everyPod = () =>
    [...rendered].flatMap(([file, manifests]) =>
      deploymentsOf(manifests).map(({ metadata, spec }) => ({
        name: `${metadata.name} of ${file}`,
        manifests,
        pod: spec.template,
        strategy: spec.strategy,
      })),
    )

  it('is linted without a complaint, and renders to documents that an API server understands', async () => {
    assert.ok(valuesFiles.length >= 4, `the examples: ${valuesFiles}`)
    for (const file of valuesFiles) {
      await succeed(helm, ['lint', '--strict', '--quiet', chartFolder, ...valuesOf(file)])
      assert.ok(deploymentsOf(rendered.get(file) ?? []).length >= 1, file)
    }
    const kinds = new Set([...rendered.values()].flat().map(({ kind }) => kind))
    const expected = ['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy']
    const more = [
      'PersistentVolumeClaim',
      'PodDisruptionBudget',
      'Secret',
      'Service',
      'ServiceAccount',
      'ServiceMonitor',
    ]
    assert.deepEqual([...kinds].sort(), [...expected, ...more])
  })

  it('is checked by types that refuse what they do not know', async () => {
    const { stdout } = await succeed(helm, template(...valuesOf('shared-values.yaml')))
    const broken: [string, string, RegExp][] = [
      [
        'enableServiceLinks: false',
        'enableServiceLink: false',
        /unknown field "spec\.template\.spec\.enableServiceLink"/,
      ],
      ['containerPort: 5000', 'containerPort: many', /cannot unmarshal string/],
      ['targetPort: metrics', 'targetPort: metric', /leads to the port metric/],
      ['apiVersion: policy/v1', 'apiVersion: policy/v1beta1', /no kind "PodDisruptionBudget" is registered/],
    ]
    for (const [right, wrong, complaint] of broken) {
      const input = stdout.replace(right, wrong)
      assert.notEqual(input, stdout, right)
      await fail(check, ['kubernetes'], complaint, { input })
    }
  })

  it('gives each pod settings that Berth accepts, with and without what is optional in the Secret', () => {
    for (const { name, manifests, pod } of everyPod()) {
      for (const optional of [true, false]) {
        const env = environmentOf(pod, manifests, optional)
        for (const variable of ['BERTH_TLS_CERT', 'BERTH_TLS_KEY']) {
          if (env[variable]) env[variable] = env[variable].replace('/etc/berth/tls', folder)
        }
        const config = parseConfig({ env })
        assert.equal(config.masterKeyFile, '/etc/berth/secrets/master-key', name)
        assert.equal(config.database !== undefined, config.blobStore !== undefined, name)
        assert.equal(config.bootstrap !== undefined, optional, name)
        assert.equal(config.audit.target, 'stdout', name)
        if (name.includes('-worker')) assert.deepEqual(config.roles, ['worker'])
      }
    }
  })

  it('writes only where a volume is, and keeps the embedded store on its claim', () => {
    for (const { name, manifests, pod } of everyPod()) {
      const { BERTH_DATA_DIR = '', BERTH_DATABASE_URL } = environmentOf(pod, manifests, true)
      const mount = containerOf(pod).volumeMounts.find(({ mountPath }) =>
        `${BERTH_DATA_DIR}/`.startsWith(`${mountPath}/`),
      )
      const volume = pod.spec.volumes.find((each) => each.name === mount?.name)
      assert.ok(mount && volume && !mount.readOnly, `${name}: ${BERTH_DATA_DIR}`)
      assert.equal(volume.persistentVolumeClaim === undefined, BERTH_DATABASE_URL !== undefined, name)
    }
  })

  it('keeps secrets out of ConfigMaps, arguments and plain variables', () => {
    for (const [file, manifests] of rendered) {
      for (const { kind, metadata, data } of manifests) {
        if (kind !== 'ConfigMap') continue
        for (const variable of Object.keys(data ?? {}))
          assert.ok(!secretVariables.includes(variable), `${variable} is in the ConfigMap ${metadata.name} of ${file}`)
      }
    }
    for (const { name, pod } of everyPod()) {
      const { env, args } = containerOf(pod)
      assert.deepEqual(args, ['serve'], name)
      for (const { name: variable, value } of env)
        if (secretVariables.includes(variable)) assert.equal(value, undefined, `${variable} of ${name}`)
    }
    const own = rendered.get('own-secret-values.yaml') ?? []
    const secret = only(own.filter(({ kind }) => kind === 'Secret'))
    const elsewhere = JSON.stringify(own.filter((each) => each !== secret))
    const values = Object.values(secret.stringData ?? {})
    assert.equal(values.length, 3)
    for (const value of values) assert.ok(!elsewhere.includes(value), 'a secret is outside of the Secret')
  })

  it('lets pods run with nothing that they do not need', () => {
    for (const { name, pod } of everyPod()) {
      const { spec } = pod
      assert.equal(spec.automountServiceAccountToken, false, name)
      assert.equal(spec.enableServiceLinks, false, name)
      const { runAsNonRoot, runAsUser, fsGroup, seccompProfile, fsGroupChangePolicy } = spec.securityContext
      assert.deepEqual([runAsNonRoot, runAsUser, fsGroup], [true, 10001, 10001], name)
      assert.deepEqual([seccompProfile, fsGroupChangePolicy], [{ type: 'RuntimeDefault' }, 'OnRootMismatch'], name)
      assert.deepEqual(
        containerOf(pod).securityContext,
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        name,
      )
      for (const { secret } of spec.volumes) {
        // Kubernetes gives such a file to root and the pod's group.
        if (secret) assert.equal(tooOpen({ uid: 0, mode: 0o100000 | secret.defaultMode }), undefined, name)
      }
    }
    for (const each of [...rendered.values()].flat())
      if (each.kind === 'ServiceAccount') assert.equal(each.automountServiceAccountToken, false)
  })

  it('leaves a pod the time to drain', () => {
    const source = readFileSync(new URL('../../src/http/listener.ts', import.meta.url), 'utf8')
    const drainSeconds = Number(/const drainMs = ([\d_]+)/.exec(source)?.[1]?.replaceAll('_', '')) / 1000
    assert.ok(drainSeconds > 0, 'the time that a listener drains')
    for (const { name, pod } of everyPod()) {
      const [program, seconds] = containerOf(pod).lifecycle.preStop.exec.command
      assert.equal(program, 'sleep', name)
      assert.ok(Number(seconds) >= 5, `${name} leaves before the proxies know`)
      assert.ok(pod.spec.terminationGracePeriodSeconds >= Number(seconds) + drainSeconds + 5, name)
    }
  })

  it('replaces shared pods one after the other, and never runs two on one volume', () => {
    for (const { name, manifests, pod, strategy } of everyPod()) {
      if (environmentOf(pod, manifests, true).BERTH_DATABASE_URL)
        assert.equal(strategy.rollingUpdate?.maxUnavailable, 0, name)
      else assert.equal(strategy.type, 'Recreate', name)
    }
    const embedded = only(deploymentsOf(rendered.get('embedded-values.yaml') ?? []))
    assert.equal(embedded.spec.replicas, 1)
    const everything = deploymentsOf(rendered.get('everything-values.yaml') ?? [])
    const roles = everything.map((each) =>
      containerOf(each.spec.template).env.find(({ name }) => name === 'BERTH_ROLES'),
    )
    assert.deepEqual(
      roles.map((each) => each?.value),
      ['web', 'worker'],
    )
    assert.equal(everything[0]?.spec.replicas, undefined, 'the autoscaler alone says how many')
  })

  it('makes new pods when a setting changes', async () => {
    const shared = valuesOf('shared-values.yaml')
    const checksum = async (...args: string[]) =>
      only(deploymentsOf(await render(...shared, ...args))).spec.template.metadata.annotations['checksum/settings']
    assert.equal(await checksum(), await checksum('--set', 'shared.replicas=5'))
    assert.notEqual(await checksum(), await checksum('--set', 'uploadTtl=1h'))
  })

  it('asks for paths that a server has', async () => {
    const server = await serve({ args: ['--metrics-listen', '127.0.0.1:0', '--dev'] })
    try {
      const paths = new Set(
        everyPod().flatMap(({ pod }) => {
          const { startupProbe, livenessProbe, readinessProbe } = containerOf(pod)
          assert.notEqual(livenessProbe.httpGet.path, readinessProbe.httpGet.path, 'a full disk must not restart pods')
          assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 300, 'a start may migrate')
          return [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)
        }),
      )
      assert.equal(paths.size, 2)
      for (const path of paths) assert.equal((await fetch(server.url + path)).status, 200, path)
    } finally {
      await server.stop()
    }
  })

  it('takes the values of its guide', async () => {
    const guide = readFileSync(join(clone, 'docs', 'guides', 'kubernetes.md'), 'utf8')
    const [one, many, ...others] = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
    assert.ok(one && many && others.length === 0, 'values for one pod, and what is added to them for many')
    // One of both says where the data is.
    const shared = `${one.replace(/^embedded:\n(?: .*\n)+/m, '')}${many}`
    for (const [values, kind] of [
      [one, 'PersistentVolumeClaim'],
      [shared, 'PodDisruptionBudget'],
    ] as const) {
      writeFileSync(join(folder, 'values.yaml'), values)
      const kinds = (await render('--values', join(folder, 'values.yaml'))).map((each) => each.kind)
      assert.ok(kinds.includes(kind) && kinds.includes('Ingress'), `${kind} among ${kinds}`)
    }
  })

  const refusals: [what: string, file: string, args: string[], complaint: RegExp][] = [
    ['no image', 'shared-values.yaml', ['--set', 'image.repository='], /image\/repository/],
    ['a tag in the repository', 'shared-values.yaml', ['--set', 'image.repository=a/b:c'], /image\/repository/],
    ['no host', 'shared-values.yaml', ['--set', 'registryHost='], /registryHost/],
    ['an unknown value', 'shared-values.yaml', ['--set', 'replicas=3'], /additional properties 'replicas'/],
    ['a shared store without a bucket', 'shared-values.yaml', ['--set', 'shared.blobStore='], /shared\/blobStore/],
    [
      'a bucket for the embedded store',
      'embedded-values.yaml',
      ['--set', 'shared.blobStore=s3://b'],
      /shared\/blobStore/,
    ],
    [
      'a worker on the embedded store',
      'embedded-values.yaml',
      ['--set', 'shared.worker.enabled=true'],
      /worker\/enabled/,
    ],
    ['no master key', 'own-secret-values.yaml', ['--set', 'secrets.masterKey='], /secrets\/masterKey/],
    ['half of the first key', 'own-secret-values.yaml', ['--set', 'secrets.bootstrapAccessKeyId='], /secrets/],
    ['no database', 'shared-values.yaml', ['--set', 'secrets.existingSecret='], /secrets\/databaseUrl/],
    ['a Secret and keys', 'shared-values.yaml', ['--set', 'secrets.masterKey=x'], /secrets\/masterKey/],
    ['a number for an account', 'shared-values.yaml', ['--set', 'accountId=123456789012'], /accountId/],
    ['an Ingress without a host', 'embedded-values.yaml', ['--set-json', 'ingress.hosts=[]'], /ingress\/hosts/],
    [
      'a monitor without metrics',
      'shared-values.yaml',
      ['--set', 'metrics.enabled=false,metrics.serviceMonitor.enabled=true'],
      /serviceMonitor\/enabled/,
    ],
  ]
  for (const [what, file, args, complaint] of refusals) {
    it(`refuses ${what}`, async () => {
      await fail(helm, template(...valuesOf(file), ...args), complaint)
    })
  }

  it('is refused with its defaults alone, which name no image, no host and no key', async () => {
    const { stderr } = await fail(helm, template(), /image\/repository/)
    assert.match(stderr, /registryHost/)
    assert.match(stderr, /secrets\/masterKey/)
  })
})
