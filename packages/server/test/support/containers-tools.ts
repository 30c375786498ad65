// The settings that skopeo, podman and buildah share: plain HTTP for the server under test, an auth file of the test's own, and storage that
// needs neither overlayfs, systemd nor a second run to be clean.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProvingGround } from './proving-ground.ts'
import { succeed, type Tool } from './tool.ts'

export interface ContainersTools {
  env: Record<string, string>
  /** Plain HTTP for the server under test. skopeo takes it as `--registries-conf` only. */
  registriesFile: string
  /** Where `login` keeps what it was given. */
  authFile: string
}

export function containersTools(ground: ProvingGround, name: string): ContainersTools {
  const folder = join(ground.folder, name)
  mkdirSync(join(folder, 'run'), { recursive: true })
  mkdirSync(join(folder, 'xdg', 'containers'), { recursive: true })
  const registries = join(folder, 'registries.conf')
  const storage = join(folder, 'storage.conf')
  const containers = join(folder, 'containers.conf')
  // Some commands (podman manifest inspect) know only the default place, which hangs on XDG_RUNTIME_DIR.
  const authFile = join(folder, 'xdg', 'containers', 'auth.json')
  writeFileSync(registries, `[[registry]]\nlocation = "${ground.server.host}"\ninsecure = true\n`)
  writeFileSync(
    storage,
    `[storage]\ndriver = "vfs"\ngraphroot = "${join(folder, 'root')}"\nrunroot = "${join(folder, 'run')}"\n`,
  )
  writeFileSync(
    containers,
    `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nimage_copy_tmp_dir = "${folder}"\n`,
  )
  return {
    registriesFile: registries,
    authFile,
    env: {
      CONTAINERS_REGISTRIES_CONF: registries,
      CONTAINERS_STORAGE_CONF: storage,
      CONTAINERS_CONF: containers,
      REGISTRY_AUTH_FILE: authFile,
      XDG_RUNTIME_DIR: join(folder, 'xdg'),
      TMPDIR: folder,
    },
  }
}

/** `login` with the password on standard input, as ECR's documentation has it. */
export async function login(program: Tool, ground: ProvingGround, tools: ContainersTools): Promise<void> {
  const args = ['login', '--username', 'AWS', '--password-stdin', '--tls-verify=false', ground.server.host]
  await succeed(program, args, { env: tools.env, input: `${ground.password}\n` })
}
