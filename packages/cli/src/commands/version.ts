// berth version: of Berth, of Node, and of the system, as a bug report needs them.

import { version } from '@berth/server/base/version.ts'
import { Command } from 'commander'

export function versionCommand(): Command {
  return new Command('version').description('Show the version.').action(() => {
    process.stdout.write(`berth ${version} (Node ${process.versions.node}, ${process.platform} ${process.arch})\n`)
  })
}
