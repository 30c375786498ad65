// docker, podman, skopeo and crane, asked for the same three things: to log in as somebody, to push an image of its own making, to pull one.
// What they answer is what their user reads. Whoever asks has a configuration of their own, as if each sat at a machine of their own.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { imageBuilder } from './image-builder.ts'
import type { OwnNames } from './own-names.ts'
import { type Outcome, type RunOptions, run, succeed, type Tool, tool } from './tool.ts'

export interface RegistryClient {
  name: string
  /** For node:test's `skip`. */
  skip: string | false
  /**
   * What its user reads when nothing of a push is allowed. Most ask by HEAD whether a layer is there already, to which the answer has a status
   * and no sentence; docker asks on, by a request that has one.
   */
  saysOfRefusedPush: RegExp
  /** Starts what it needs, or says why that does not run on this machine. */
  open(place: ClientPlace): Promise<OpenClient | string>
}

export interface ClientPlace {
  /** For its files. */
  folder: string
  /** With TLS: the names of the registries and who vouches for them. Without, it is plain HTTP on `host`. */
  names?: OwnNames
  host?: string
  /** What their user has in the environment, such as the keys that a credential helper finds there. */
  env?: Record<string, string>
}

export interface OpenClient {
  /** Writes docker's `config.json`, or the `auth.json` of podman and skopeo, in place of a login. */
  configure(who: string, config: Record<string, unknown>): void
  /** `password` is what `aws ecr get-login-password` prints. */
  login(who: string, host: string, password: string): Promise<Outcome>
  /** A small image that nobody has seen before, pushed to `<host>/<repository>:<tag>`. */
  push(who: string, reference: string): Promise<Outcome>
  /** Nothing of the image is here before. */
  pull(who: string, reference: string): Promise<Outcome>
  close(): Promise<void>
}

const docker = tool('docker')
const dockerd = tool('dockerd')
const podman = tool('podman')
const skopeo = tool('skopeo')
const crane = tool('crane')

/** Folders and counters that every client needs. */
function filesOf(name: string, place: ClientPlace) {
  const root = join(place.folder, name)
  mkdirSync(root, { recursive: true })
  let made = 0
  const builder = imageBuilder()
  return {
    root,
    /** A folder of somebody's own. */
    of(who: string): string {
      const folder = join(root, who.replace(/[^\w-]/g, '-'))
      mkdirSync(folder, { recursive: true })
      return folder
    },
    /** A path that is not taken. */
    fresh(what: string): string {
      made += 1
      return join(root, `${what}-${made}`)
    },
    layout(): string {
      return builder.writeLayout(this.fresh('layout'), { one: builder.image({ layers: [builder.layer(1_000)] }) })
    },
    tar(): Buffer {
      return builder.bytes(builder.layer(1_000, 'none').descriptor.digest)
    },
  }
}

const inNames = (program: Tool, { names }: ClientPlace) => (names ? names.tool(program) : program)

const dockerClient: RegistryClient = {
  name: 'docker',
  skip: docker.skip || dockerd.skip,
  saysOfRefusedPush: /is not authorized to perform: ecr:InitiateLayerUpload/,
  async open(place) {
    const files = filesOf('docker', place)
    const socket = `unix://${join(files.root, 'docker.sock')}`
    const args = [
      ...['--data-root', join(files.root, 'data'), '--exec-root', join(files.root, 'exec')],
      ...['--pidfile', join(files.root, 'docker.pid'), '--host', socket, '--storage-driver', 'vfs'],
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--userland-proxy=false'],
    ]
    const probe = { program: docker, args: ['--host', socket, 'version'] }
    const daemon = await startDaemon(inNames(dockerd, place), args, probe, 60_000)
    if (typeof daemon === 'string') return daemon
    const client = inNames(docker, place)
    const env = (who: string) => ({ ...place.env, DOCKER_HOST: socket, DOCKER_CONFIG: files.of(who) })
    const as = (who: string, words: string[], input = '') => run(client, words, { env: env(who), input })
    const daemonOnly = { env: env('nobody') }
    return {
      configure: (who, config) => writeFileSync(join(files.of(who), 'config.json'), JSON.stringify(config)),
      login: (who, host, password) =>
        as(who, ['login', '--username', 'AWS', '--password-stdin', host], `${password}\n`),
      async push(who, reference) {
        await succeed(docker, ['import', '-', reference], { ...daemonOnly, input: files.tar() })
        return as(who, ['push', reference])
      },
      async pull(who, reference) {
        await run(docker, ['rmi', '--force', reference], daemonOnly)
        return as(who, ['pull', reference])
      },
      close: () => daemon.stop(),
    }
  },
}

/** What podman and skopeo read: which registries are plain HTTP, and storage that needs neither overlayfs nor systemd. */
function containersEnvironment(root: string, place: ClientPlace): Record<string, string> {
  const file = (name: string, text: string) => {
    writeFileSync(join(root, name), text)
    return join(root, name)
  }
  mkdirSync(join(root, 'xdg'), { recursive: true })
  const insecure = place.names ? '' : `[[registry]]\nlocation = "${place.host}"\ninsecure = true\n`
  const storage = `[storage]\ndriver = "vfs"\ngraphroot = "${join(root, 'root')}"\nrunroot = "${join(root, 'run')}"\n`
  const engine = `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nimage_copy_tmp_dir = "${root}"\n`
  return {
    CONTAINERS_REGISTRIES_CONF: file('registries.conf', insecure),
    CONTAINERS_STORAGE_CONF: file('storage.conf', storage),
    CONTAINERS_CONF: file('containers.conf', engine),
    XDG_RUNTIME_DIR: join(root, 'xdg'),
    TMPDIR: root,
  }
}

const podmanClient: RegistryClient = {
  name: 'podman',
  skip: podman.skip,
  saysOfRefusedPush: /403 \(Forbidden\)/,
  async open(place) {
    const files = filesOf('podman', place)
    const client = inNames(podman, place)
    const everyones = containersEnvironment(files.root, place)
    const authFile = (who: string) => join(files.of(who), 'auth.json')
    const options = (who: string): RunOptions => ({
      env: { ...place.env, ...everyones, REGISTRY_AUTH_FILE: authFile(who) },
    })
    return {
      configure: (who, config) => writeFileSync(authFile(who), JSON.stringify(config)),
      login: (who, host, password) =>
        run(client, ['login', '--username', 'AWS', '--password-stdin', host], { ...options(who), input: password }),
      async push(who, reference) {
        await succeed(client, ['import', '-', reference], { ...options(who), input: files.tar() })
        return run(client, ['push', reference], options(who))
      },
      async pull(who, reference) {
        await run(client, ['rmi', '--force', reference], options(who))
        return run(client, ['pull', reference], options(who))
      },
      async close() {
        await succeed(client, ['system', 'reset', '--force'], options('nobody'))
      },
    }
  },
}

const skopeoClient: RegistryClient = {
  name: 'skopeo',
  skip: skopeo.skip,
  saysOfRefusedPush: /403 \(Forbidden\)/,
  async open(place) {
    const files = filesOf('skopeo', place)
    const client = inNames(skopeo, place)
    const environment = containersEnvironment(files.root, place)
    const everywhere = ['--insecure-policy', '--registries-conf', environment.CONTAINERS_REGISTRIES_CONF ?? '']
    const authFile = (who: string) => join(files.of(who), 'auth.json')
    const trust = (option: string) => (place.names ? [option, place.names.certDir] : [])
    const as = (who: string, words: string[], input?: string) =>
      run(client, [...everywhere, ...words], {
        env: { ...place.env, ...environment, REGISTRY_AUTH_FILE: authFile(who) },
        ...(input === undefined ? {} : { input }),
      })
    return {
      configure: (who, config) => writeFileSync(authFile(who), JSON.stringify(config)),
      login: (who, host, password) => {
        const words = ['login', '--username', 'AWS', '--password-stdin', ...trust('--cert-dir')]
        return as(who, [...words, ...(place.names ? [] : ['--tls-verify=false']), host], password)
      },
      push: (who, reference) =>
        as(who, ['copy', ...trust('--dest-cert-dir'), `oci:${files.layout()}:one`, `docker://${reference}`]),
      pull: (who, reference) =>
        as(who, ['copy', ...trust('--src-cert-dir'), `docker://${reference}`, `dir:${files.fresh('pulled')}`]),
      close: async () => {},
    }
  },
}

const craneClient: RegistryClient = {
  name: 'crane',
  skip: crane.skip,
  saysOfRefusedPush: /403 Forbidden/,
  async open(place) {
    const files = filesOf('crane', place)
    const client = inNames(crane, place)
    const trust = place.names ? { SSL_CERT_FILE: place.names.caFile } : {}
    const as = (who: string, words: string[], input = '') =>
      run(client, words, { env: { ...place.env, ...trust, DOCKER_CONFIG: files.of(who) }, input })
    return {
      configure: (who, config) => writeFileSync(join(files.of(who), 'config.json'), JSON.stringify(config)),
      login: (who, host, password) =>
        as(who, ['auth', 'login', host, '--username', 'AWS', '--password-stdin'], password),
      push: (who, reference) => as(who, ['push', files.layout(), reference]),
      pull: (who, reference) => as(who, ['pull', reference, files.fresh('pulled.tar')]),
      close: async () => {},
    }
  },
}

export const registryClients: readonly RegistryClient[] = [dockerClient, podmanClient, skopeoClient, craneClient]
