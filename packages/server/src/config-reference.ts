// docs/configuration.md, made from the table of settings.
//
//   node packages/server/src/config-reference.ts --write    writes the page
//   node packages/server/src/config-reference.ts --check    fails when the page is not what the table says

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeSetting, flagOf, type SettingKey, settingKeys, variableOf } from './config.ts'

export const configurationPage = fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url))

export function renderConfiguration(): string {
  const served = settingKeys.filter((key) => describeSetting(key).isServed !== false)
  const reserved = settingKeys.filter((key) => describeSetting(key).isServed === false)
  return `# Configuration

<!-- Made by packages/server/src/config-reference.ts from packages/server/src/config.ts: change that, then run it with --write. -->

Each setting is an option of \`berth serve\`, an environment variable, and a key in a file of JSON. An option wins over the variable,
which wins over the file. All mistakes are reported together before anything starts, also variables that begin with \`BERTH_\` and are no
setting. An empty variable counts as unset.

\`\`\`sh
berth serve --data-dir /srv/berth --upload-ttl 6h
BERTH_DATA_DIR=/srv/berth BERTH_UPLOAD_TTL=6h berth serve
berth serve --config /etc/berth.json     # or BERTH_CONFIG; {"dataDir": "/srv/berth", "uploadTtl": "6h"}
\`\`\`

Relative paths start at the working directory, in a file at the folder of the file. Durations are written \`90s\`, \`30m\`, \`12h\` or \`7d\`;
lists have commas, or are lists of texts in the file. A file that holds secrets must not be readable by others (\`chmod 600\`).

## Settings

| variable | option | key in the file | default | meaning |
| --- | --- | --- | --- | --- |
${served.map(row).join('\n')}

\`berth serve --dev\` (an option only) is for development: it listens on loopback only, and unless they are given it takes a temporary data
directory that is removed at the end, the account \`000000000000\`, the access key \`test\` with the secret \`test\`, and relaxed durability.
Signatures and policies hold all the same.

## Names kept for later

These have their names and defaults already. Any other value is refused until the feature is there, so that nothing is accepted that does
nothing.

| variable | option | key in the file | default | meaning |
| --- | --- | --- | --- | --- |
${reserved.map(row).join('\n')}
`
}

function row(key: SettingKey): string {
  const { placeholder, default: value, devDefault, otherwise, help } = describeSetting(key)
  const option = `--${flagOf(key)}${placeholder === undefined ? '' : ` <${placeholder}>`}`
  const byDefault =
    value === undefined
      ? (otherwise ?? '')
      : `\`${value}\`${devDefault === undefined ? '' : ` (\`--dev\`: \`${devDefault}\`)`}`
  return `| ${[`\`${variableOf(key)}\``, `\`${option}\``, `\`${key}\``, byDefault, help].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

if (import.meta.main) {
  if (process.argv[2] === '--write') writeFileSync(configurationPage, renderConfiguration())
  else if (readFileSync(configurationPage, 'utf8') !== renderConfiguration()) {
    process.stderr.write(
      'docs/configuration.md is not what the settings say: node packages/server/src/config-reference.ts --write\n',
    )
    process.exitCode = 1
  }
}
