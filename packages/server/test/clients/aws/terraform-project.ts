// Terraform with the AWS provider, pointed at a served registry. Terraform reaches no registry of its own here: the provider comes from a
// folder on this machine.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ServedRegistry } from '../../support/serve.ts'
import { type Outcome, run, skippedAloud, succeed, tool } from '../../support/tool.ts'
import { machineEnvironment, ownSettings } from './own-settings.ts'

const provider = join('registry.terraform.io', 'hashicorp', 'aws')

/** Folders that Terraform's documents and common set-ups name for providers, those of the environment first. */
async function likelyFolders(): Promise<string[]> {
  const named = [
    'TF_PLUGIN_DIR',
    'TF_PLUGIN_CACHE_DIR',
    'TF_PLUGIN_MIRROR',
    'TF_PROVIDER_MIRROR',
    'TERRAFORM_PLUGIN_DIR',
  ]
  const data = machineEnvironment.XDG_DATA_HOME ?? join(homedir(), '.local', 'share')
  const folders = [
    ...named.map((name) => machineEnvironment[name] ?? ''),
    join(homedir(), '.terraform.d', 'plugins'),
    join(homedir(), '.terraform.d', 'plugin-cache'),
    join(data, 'terraform', 'plugins'),
    '/usr/local/share/terraform/plugins',
    '/usr/share/terraform/plugins',
    '/usr/share/terraform/providers',
    '/var/lib/terraform/plugins',
  ]
  for (const parent of ['/opt', '/usr/local/share', '/usr/share', '/usr/local/lib', '/usr/lib', homedir()]) {
    const children = await readdir(parent).catch(() => [])
    for (const child of children.filter((name) => /terraform|tf|plugin|provider/i.test(name))) {
      folders.push(join(parent, child), join(parent, child, 'plugins'), join(parent, child, 'providers'))
    }
  }
  return folders.filter(Boolean)
}

async function findMirror(): Promise<string | undefined> {
  for (const folder of await likelyFolders()) {
    const found = await stat(join(folder, provider)).catch(() => undefined)
    if (found?.isDirectory()) return folder
  }
  return undefined
}

const terraform = tool('terraform')
const mirror = await findMirror()
/** Why Terraform can not judge here, or false. */
export const skip =
  terraform.skip ||
  (mirror === undefined
    ? skippedAloud('terraform', `no folder with ${provider} was found; TF_PLUGIN_DIR can name one`)
    : false)

export interface TerraformProject {
  folder: string
  /** Replaces the project's resources; the provider is set up. */
  write(resources: string): Promise<void>
  /** Must succeed. */
  terraform(...args: string[]): Promise<Outcome>
  /** 0: nothing to do; 2: something to do, kept for `apply`. */
  plan(): Promise<Outcome>
  outputs(): Promise<Record<string, unknown>>
}

/** A folder with a state of its own, removed after the test. */
export async function terraformProject(t: TestContext, server: ServedRegistry): Promise<TerraformProject> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-terraform-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const place = join(folder, 'project')
  await mkdir(place)
  await writeFile(
    join(folder, 'terraform.rc'),
    `disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = ${JSON.stringify(mirror)}
  }
}
`,
  )
  const env = {
    ...ownSettings,
    TF_CLI_CONFIG_FILE: join(folder, 'terraform.rc'),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    TF_VAR_endpoint: server.url,
    TF_VAR_access_key: server.accessKeyId,
    TF_VAR_secret_key: server.secretAccessKey,
  }
  const terraformCommand = (...args: string[]) => succeed(terraform, args, { cwd: place, env, timeoutMs: 300_000 })
  return {
    folder: place,
    write: (resources) => writeFile(join(place, 'main.tf'), `${providerSettings}${resources}`),
    terraform: terraformCommand,
    async plan() {
      const plan = ['plan', '-no-color', '-detailed-exitcode', '-out=planned']
      const outcome = await run(terraform, plan, { cwd: place, env, timeoutMs: 300_000 })
      if (outcome.code === 1) assert.fail(outcome.stderr)
      return outcome
    },
    async outputs() {
      const printed = JSON.parse((await terraformCommand('output', '-json')).stdout) as Record<
        string,
        { value: unknown }
      >
      return Object.fromEntries(Object.entries(printed).map(([name, { value }]) => [name, value]))
    },
  }
}

const providerSettings = `terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "endpoint" {}
variable "access_key" {}
variable "secret_key" {}
provider "aws" {
  region                  = "us-east-1"
  access_key              = var.access_key
  secret_key              = var.secret_key
  skip_metadata_api_check = true
  skip_region_validation  = true
  endpoints {
    ecr = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
}
`
