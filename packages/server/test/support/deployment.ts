// What the tests of `deploy/` share: where it is, the program that checks manifests and compose files (deploy/check), and as much of the
// types of what it prints as the tests look at.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, skippedAloud, succeed, type Tool, tool, toolsFolder } from './tool.ts'

export const clone = fileURLToPath(new URL('../../../../', import.meta.url))
export const deployFolder = join(clone, 'deploy')
export const chartFolder = join(deployFolder, 'helm', 'berth')

export interface Container {
  name: string
  image: string
  args?: string[]
  env: {
    name: string
    value?: string
    valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } }
  }[]
  envFrom: { configMapRef: { name: string } }[]
  securityContext: Record<string, unknown>
  lifecycle: { preStop: { exec: { command: string[] } } }
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[]
  startupProbe: Probe
  livenessProbe: Probe
  readinessProbe: Probe
}

export interface Probe {
  httpGet: { path: string; port: string; scheme: string }
  periodSeconds: number
  failureThreshold: number
}

export interface PodTemplate {
  metadata: { annotations: Record<string, string>; labels: Record<string, string> }
  spec: {
    automountServiceAccountToken: boolean
    enableServiceLinks: boolean
    terminationGracePeriodSeconds: number
    securityContext: Record<string, unknown>
    containers: Container[]
    volumes: {
      name: string
      secret?: { secretName: string; defaultMode: number }
      persistentVolumeClaim?: { claimName: string }
    }[]
  }
}

export interface Manifest {
  kind: string
  metadata: { name: string; annotations?: Record<string, string> }
  data?: Record<string, string>
  stringData?: Record<string, string>
  automountServiceAccountToken?: boolean
  spec?: Record<string, unknown>
}

export interface Deployment extends Manifest {
  spec: {
    replicas?: number
    strategy: { type: string; rollingUpdate?: { maxUnavailable: number } }
    template: PodTemplate
  }
}

export interface ComposeProject {
  services: Record<
    string,
    {
      image: string
      environment?: Record<string, string>
      ports?: { host_ip?: string; published: string }[]
      networks: Record<string, unknown>
      read_only?: boolean
      cap_drop?: string[]
      stop_grace_period?: string
      tmpfs?: string[]
    }
  >
  networks: Record<string, { internal?: boolean }>
}

/** Builds `deploy/check`, which Go keeps for the next time. `skip` says why it cannot be built here. */
export async function checkProgram(): Promise<Tool> {
  const go = tool('go')
  const path = join(toolsFolder, 'deploy-check')
  if (go.skip) return { name: 'deploy-check', path, skip: go.skip }
  mkdirSync(toolsFolder, { recursive: true })
  const folder = join(deployFolder, 'check')
  const env = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' }
  const fetched = await run(go, ['mod', 'download'], { cwd: folder, env, timeoutMs: 300_000 })
  if (fetched.code !== 0) {
    const reason = `its Go modules cannot be fetched: ${fetched.stderr.trim().split('\n').at(-1)}`
    return { name: 'deploy-check', path, skip: skippedAloud('deploy-check', reason) }
  }
  await succeed(go, ['build', '-o', path, '.'], { cwd: folder, env, timeoutMs: 300_000 })
  return { name: 'deploy-check', path, skip: false }
}
