// berth migrate-store: a whole store to another place: embedded to PostgreSQL and S3, one part of it, or back.

import { flagOf, type SettingKey, variableOf } from '@berth/server/config.ts'
import { targetKeys, targetSettings } from '@berth/server/migrate-store/target.ts'
import { Command, Option } from 'commander'
import { addSettings, configOf, precedence } from '../settings-options.ts'

/** Where the store is now. */
const sourceSettings: SettingKey[] = [
  'dataDir',
  'databaseUrl',
  'blobStore',
  'blobStoreAccessKeyId',
  'blobStoreSecretAccessKey',
  'masterKey',
  'masterKeyFile',
]

export function migrateStore(finish: (exitCode: number) => void): Command {
  const command = new Command('migrate-store').description(
    'Copy the whole store to another place and leave the old one: between the data directory, PostgreSQL and S3. Nobody may serve it meanwhile. It ends when every row was compared and every digest checked on both sides; until then the store is where it was. Stopped or killed, the same command goes on.',
  )
  for (const key of targetKeys) {
    const { placeholder, help } = targetSettings[key]
    command.addOption(new Option(`--${flagOf(key)} <${placeholder}>`, `${help} [${variableOf(key)}]`))
  }
  return addSettings(command, sourceSettings)
    .addHelpText('after', `${precedence}\n${examples}`)
    .action(async (options: Record<string, unknown>) => {
      const isOfTarget = (name: string) => targetKeys.some((key) => variableOf(key) === name)
      const config = configOf(
        options,
        Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOfTarget(name))),
      )
      const server = await import('@berth/server/main.ts')
      finish(
        await server.migrateStore(
          config,
          { flags: options, env: process.env },
          {
            stdout: process.stdout,
            stderr: process.stderr,
            signals: process,
            exit: (code) => process.exit(code),
          },
        ),
      )
    })
}

const examples = `
Both parts are always named, so that none is forgotten; "same" is the part that stays:
  berth migrate-store --data-dir D --to-database postgres://… --to-blob-store s3://…      all of it, out of the folder
  berth migrate-store --data-dir D --to-database postgres://… --to-blob-store same        the database only
  berth migrate-store --data-dir D --to-database same --to-blob-store s3://…              the blobs only
  berth migrate-store --database-url … --blob-store … --to-database sqlite --to-blob-store files --to-data-dir EMPTY
Uploads in progress and jobs are not carried over. PostgreSQL needs the master key to be given to every node.`
