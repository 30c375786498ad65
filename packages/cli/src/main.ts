// The berth command: one file per command in `commands/`, and here what they share: exit codes, and what is said about mistakes.
// Exit codes: 0 done, 1 failed, 2 the command was not understood.

import { StartError } from '@berth/server/base/errors.ts'
import { version } from '@berth/server/base/version.ts'
import { ConfigError } from '@berth/server/config.ts'
import { Command, CommanderError } from 'commander'
import { account } from './commands/account.ts'
import { audit } from './commands/audit.ts'
import { environment } from './commands/env.ts'
import { explain } from './commands/explain.ts'
import { init } from './commands/init.ts'
import { keys } from './commands/keys.ts'
import { migrateStore } from './commands/migrate-store.ts'
import { root } from './commands/root.ts'
import { serve } from './commands/serve.ts'
import { versionCommand } from './commands/version.ts'

/** Runs the command of `process.argv` and ends the process with its exit code. */
export async function run(): Promise<void> {
  // A reader that has seen enough (`berth serve | head -1`) ends neither the server nor the command.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  // The command is over when it says so. Without this, Node would end it with 0 as soon as nothing but an unreferenced handle is left to
  // wait for, in the middle of closing a store.
  setInterval(() => undefined, 2 ** 30)
  process.exit(await runCommand(process.argv.slice(2)))
}

async function runCommand(args: readonly string[]): Promise<number> {
  let exitCode = 0
  const finish = (code: number) => {
    exitCode = code
  }
  const berth = new Command('berth')
    .description('A registry for container images that speaks Amazon ECR, on your own machines.')
    .version(`berth ${version}`, '-v, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', '\nEvery command tells more with --help. First: berth serve')
  const commands = [
    ...[serve(finish), init(finish), environment(), account(finish), root(finish), keys(finish), audit()],
    ...[explain(), migrateStore(finish), versionCommand()],
  ]
  for (const command of commands) {
    // Not inherited by `addCommand`.
    berth.addCommand(command.helpOption('-h, --help', 'show this help').exitOverride())
  }
  try {
    await berth.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\nAll settings: berth serve --help\n`)
      return 2
    }
    if (error instanceof StartError) process.stderr.write(`${error.message}\n${error.hint}\n`)
    else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
    return 1
  }
}
