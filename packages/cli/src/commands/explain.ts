// berth explain: may this principal do this, and why. Asks a running server, which decides as it would decide the request itself.

import type { Credentials } from '@berth/api/sigv4/sign.ts'
import { StartError } from '@berth/server/base/errors.ts'
import type { Config } from '@berth/server/config.ts'
import { credentialsFile, readCredentials } from '@berth/server/data-dir-files.ts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { describeExplanation, type Explanation, explanationOf } from '../explain/explanation.ts'
import { callIam, type IamServer, members, type Parameters } from '../explain/iam-client.ts'
import { child, textOf } from '../explain/xml.ts'
import { serverAddress } from '../server-address.ts'
import { addSettings, configOf, precedence } from '../settings-options.ts'

interface ExplainOptions {
  principal: string
  action: string[]
  resource: string[]
  context: Map<string, string[]>
  endpoint?: string
  json?: true
}

export function explain(): Command {
  const command = new Command('explain')
    .description('Say whether a user, group or role may do something, and which statement of which policy decides.')
    .requiredOption('--principal <arn>', 'The user, group or role: arn:aws:iam::111122223333:user/alice.')
    .requiredOption('--action <name...>', 'The action, or several: ecr:BatchGetImage.')
    .option('--resource <arn...>', 'The resource, or several. Default: *.', ['*'])
    .addOption(
      new Option('--context <key=value>', 'What the request would say: aws:SourceIp=10.0.0.1. Several times for more.')
        .default(new Map<string, string[]>(), 'nothing')
        .argParser(addContext),
    )
    .option('--endpoint <url>', 'The server. Default: that of the data directory. [AWS_ENDPOINT_URL_IAM]')
    .option('--json', 'Print JSON.')
  return addSettings(command, ['dataDir', 'listen', 'region'])
    .addHelpText('after', `${precedence}${examples}`)
    .action(async (options: Record<string, unknown> & ExplainOptions) => {
      const server = await serverOf(options)
      const explanations = await ask(server, options)
      process.stdout.write(
        options.json
          ? `${JSON.stringify(explanations, undefined, 2)}\n`
          : `${explanations.map((each) => describeExplanation(each, options.principal)).join('\n\n')}\n`,
      )
    })
}

const examples = `

Signs with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or else with the first key of the data directory. That key
needs iam:SimulatePrincipalPolicy on the principal.

berth explain --principal arn:aws:iam::111122223333:user/alice --action ecr:PutImage \\
  --resource arn:aws:ecr:us-east-1:111122223333:repository/app --context aws:SourceIp=10.0.0.1`

function addContext(text: string, before: Map<string, string[]>): Map<string, string[]> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('Give a key and a value: aws:SourceIp=10.0.0.1.')
  const key = text.slice(0, equals)
  return new Map(before).set(key, [...(before.get(key) ?? []), text.slice(equals + 1)])
}

/** @throws StartError when there is no key, or nothing says where the server is */
async function serverOf(options: Record<string, unknown> & ExplainOptions): Promise<IamServer> {
  const config = configOf(options)
  const { AWS_ENDPOINT_URL_IAM, AWS_ENDPOINT_URL, AWS_REGION } = process.env
  const url = options.endpoint ?? AWS_ENDPOINT_URL_IAM ?? AWS_ENDPOINT_URL ?? (await serverAddress(config))
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new StartError(`${url} is no URL of a server.`, 'Give one: --endpoint https://registry.example.com')
  const region = options.region === undefined ? (AWS_REGION ?? config.region) : config.region
  return { url, region, credentials: await credentialsOf(config) }
}

async function credentialsOf(config: Config): Promise<Credentials> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = process.env
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}) }
  const credentials = (await readCredentials(config)) ?? (config.isDev ? config.bootstrap : undefined)
  if (credentials) return credentials
  throw new StartError(
    `There is no ${credentialsFile(config)}, where the first start keeps its access key.`,
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name the data directory of the server by --data-dir.',
  )
}

async function ask(
  server: IamServer,
  { principal, action, resource, context }: ExplainOptions,
): Promise<Explanation[]> {
  const parameters: Parameters = [
    ['PolicySourceArn', principal],
    ...listed('ActionNames', action),
    ...listed('ResourceArns', resource),
    ...[...context].flatMap(([key, values], i) => contextEntry(`ContextEntries.member.${i + 1}`, key, values)),
  ]
  const explanations: Explanation[] = []
  for (let marker: string | undefined = ''; marker !== undefined; ) {
    const from: Parameters = marker === '' ? [] : [['Marker', marker]]
    const result = await callIam(server, 'SimulatePrincipalPolicy', [...parameters, ...from])
    explanations.push(...members(child(result, 'EvaluationResults')).map(explanationOf))
    marker = textOf(result, 'Marker')
  }
  return explanations
}

function listed(name: string, values: readonly string[]): Parameters {
  return values.map((value, i) => [`${name}.member.${i + 1}`, value] as const)
}

function contextEntry(name: string, key: string, values: readonly string[]): Parameters {
  return [
    [`${name}.ContextKeyName`, key],
    [`${name}.ContextKeyType`, values.length === 1 ? 'string' : 'stringList'],
    ...listed(`${name}.ContextKeyValues`, values),
  ]
}
