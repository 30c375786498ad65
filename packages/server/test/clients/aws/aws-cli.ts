// The AWS CLI as somebody types it: what it prints, and the errors that it prints.

import assert from 'node:assert/strict'
import { run, succeed, tool } from '../../support/tool.ts'
import { ownSettings } from './own-settings.ts'

export const cli = tool('aws')
export const skip = cli.skip
/** Such as `aws-cli/1.45.11`. */
export const version = skip === false ? (await run(cli, ['--version'])).stdout.split(' ')[0] : ''

/** What `aws ecr <command>` can be given, by the CLI's own skeleton; undefined where this CLI is older than the operation. */
export async function skeleton(command: string): Promise<string | undefined> {
  if (skip !== false) return undefined
  const outcome = await run(cli, ['ecr', command, '--generate-cli-skeleton'], { env: ownSettings })
  return outcome.code === 0 ? outcome.stdout : undefined
}

export interface AwsCli {
  /** Runs `aws …` and returns the text it printed. */
  text(...words: string[]): Promise<string>
  /** Runs `aws …` and returns what it printed, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: the answers are compared member by member.
  json(...words: string[]): Promise<any>
  /** The command ends with an error, and the CLI prints its code and its text. */
  refused(code: string, message: string | RegExp, ...words: string[]): Promise<void>
}

/** `env` is all of the person's settings. */
export function awsCli(env: () => Record<string, string>): AwsCli {
  const text: AwsCli['text'] = async (...words) => (await succeed(cli, words, { env: env() })).stdout
  return {
    text,
    async json(...words) {
      const printed = await text(...words)
      return printed.trim() === '' ? {} : JSON.parse(printed)
    },
    async refused(code, message, ...words) {
      const outcome = await run(cli, words, { env: env() })
      assert.notEqual(outcome.code, 0, outcome.stdout)
      const said =
        /An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)/s.exec(
          outcome.stderr,
        )
      assert.ok(said, outcome.stderr)
      assert.equal(said[1], code, outcome.stderr)
      if (typeof message === 'string') assert.equal(said[3]?.trim(), message)
      else assert.match(said[3] ?? '', message)
    },
  }
}
