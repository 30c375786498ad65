// How each shell quotes a text, sets a variable and removes one.

import { basename, dirname } from 'node:path'

export const shells = ['sh', 'bash', 'zsh', 'fish', 'powershell'] as const
export type Shell = (typeof shells)[number]

export interface Dialect {
  set(name: string, value: string): string
  unset(name: string): string
  /** How the output of a command is run: for the last line, a comment. */
  evaluate(command: string): string
}

const posix: Dialect = {
  // The semicolons are for `eval $(…)` without quotes, which makes one line of them.
  set: (name, value) => `export ${name}=${quoteForSh(value)};`,
  unset: (name) => `unset ${name};`,
  evaluate: (command) => `eval "$(${command})"`,
}

export const dialects: Record<Shell, Dialect> = {
  sh: posix,
  bash: posix,
  zsh: posix,
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll(/[\\']/g, '\\$&')}';`,
    unset: (name) => `set -e ${name};`,
    evaluate: (command) => `${command} | source`,
  },
  powershell: {
    set: (name, value) => `$Env:${name} = '${value.replaceAll("'", "''")}'`,
    unset: (name) => `Remove-Item -ErrorAction SilentlyContinue Env:${name}`,
    evaluate: (command) => `& ${command} | Out-String | Invoke-Expression`,
  },
}

/** The text as one word of a POSIX shell, quoted only where it must be. */
export function quoteForSh(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * This command as a shell can call it again, from any folder: `berth` where it is installed under that name, otherwise (`npm start` in a
 * clone) the Node and the file that run now, so that it also works where the machine's own Node is too old.
 */
export function thisCommand(argv = process.argv): string {
  const script = argv[1] ?? 'berth'
  // What npx runs is named so too, but its folder is not on the PATH of the shell around it.
  if (basename(script) === 'berth' && basename(dirname(script)) !== '.bin') return 'berth'
  return `${quoteForSh(process.execPath)} ${quoteForSh(script)}`
}
