// Host names that only the programs of a test know, and a certificate for them by an authority that only they trust: a machine whose DNS and
// trust somebody has set up for their registry. Programs run in a mount namespace whose /etc has a hosts file of the test's own, and the
// folders where docker, podman and skopeo look for authorities; the machine's /etc is not touched.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { join } from 'node:path'
import type { Tool } from './tool.ts'

export interface OwnNames {
  /** PEM of the authority: what `SSL_CERT_FILE` and `AWS_CA_BUNDLE` take. */
  caFile: string
  /** A folder with the authority as `ca.crt`: what `--cert-dir` takes. */
  certDir: string
  /** For the server. */
  certFile: string
  keyFile: string
  /** The same program, where the names are known. */
  tool(program: Tool): Tool
  /** For requests of the test itself. */
  agent(): Agent
}

export interface OwnNamesOptions {
  /** Where the files go. */
  folder: string
  /** Where the names lead to. */
  address: string
  hosts: readonly string[]
  /** What the certificate is for, when it is not the hosts one by one: `*.dkr.ecr.us-east-1.example.com`. */
  certifiedNames?: readonly string[]
  /** `host:port` of registries whose authority docker and podman find in their certs.d. */
  trustedRegistries?: readonly string[]
}

/** For node:test's `skip`: why programs cannot have names of their own on this machine. */
export function whyNoOwnNames(): string | false {
  if (process.getuid?.() !== 0) return 'names of its own need root, for a mount namespace'
  if (spawnSync('openssl', ['version']).error) return 'this machine has no openssl to make a certificate'
  const { error, status, stderr } = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/etc'])
  if (error) return 'this machine has no unshare, for a mount namespace'
  return status === 0 ? false : `a mount namespace cannot be made here: ${stderr}`
}

export function ownNames(options: OwnNamesOptions): OwnNames {
  const { folder, address, hosts, certifiedNames = hosts, trustedRegistries = [] } = options
  const file = (name: string) => join(folder, name)
  mkdirSync(file('machine-etc'), { recursive: true })
  writeFileSync(file('hosts'), ['127.0.0.1 localhost', ...hosts.map((host) => `${address} ${host}`), ''].join('\n'))
  makeCertificate(file, certifiedNames)
  mkdirSync(file('cert-dir'))
  writeFileSync(join(file('cert-dir'), 'ca.crt'), readFileSync(file('ca.pem')))
  for (const registry of trustedRegistries) {
    mkdirSync(join(file('certs.d'), registry), { recursive: true })
    writeFileSync(join(file('certs.d'), registry, 'ca.crt'), readFileSync(file('ca.pem')))
  }
  writeFileSync(file('enter'), enter)

  return {
    caFile: file('ca.pem'),
    certDir: file('cert-dir'),
    certFile: file('leaf.pem'),
    keyFile: file('leaf.key'),
    tool(program) {
      const path = file(`${program.name}-with-own-names`)
      const words = ['unshare', '--mount', '--propagation', 'private', 'sh', file('enter'), folder, program.path]
      writeFileSync(path, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`)
      chmodSync(path, 0o755)
      return { ...program, path }
    },
    agent() {
      const lookup: LookupFunction = (_, { all }, found) =>
        all ? found(null, [{ address, family: 4 }]) : found(null, address, 4)
      return new Agent({ ca: readFileSync(file('ca.pem')), lookup })
    },
  }
}

/** An /etc of links to what the machine has, save hosts, DNS, and the settings of docker and podman. */
const enter = `set -e
folder=$1
shift
mount --bind /etc "$folder/machine-etc"
mount -t tmpfs tmpfs /etc
for entry in "$folder"/machine-etc/*; do
  case \${entry##*/} in hosts | resolv.conf | docker | containers) ;; *) ln -s "$entry" /etc ;; esac
done
cp "$folder/hosts" /etc/hosts
mkdir /etc/docker /etc/containers
for entry in "$folder"/machine-etc/containers/*; do
  if [ -f "$entry" ]; then ln -s "$entry" /etc/containers; fi
done
if [ -d "$folder/certs.d" ]; then
  ln -s "$folder/certs.d" /etc/docker
  ln -s "$folder/certs.d" /etc/containers
fi
exec "$@"
`

function makeCertificate(file: (name: string) => string, names: readonly string[]): void {
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  writeFileSync(file('leaf.cnf'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`)
  const ca = { key: file('ca.key'), cert: file('ca.pem') }
  openssl('req', '-x509', ...fresh, '-subj', '/CN=An authority of a test', '-keyout', ca.key, '-out', ca.cert)
  openssl('req', ...fresh, '-subj', '/CN=A registry', '-keyout', file('leaf.key'), '-out', file('leaf.csr'))
  const signer = ['-CA', ca.cert, '-CAkey', ca.key, '-CAcreateserial', '-days', '2', '-extfile', file('leaf.cnf')]
  openssl('x509', '-req', '-in', file('leaf.csr'), ...signer, '-out', file('leaf.pem'))
}
