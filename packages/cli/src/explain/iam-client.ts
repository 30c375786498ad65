// Asks IAM of a running server: forms in, XML out (AWS Query protocol).

import { iamVersion } from '@berth/api/iam/operation-names.ts'
import { type Credentials, signRequest } from '@berth/api/sigv4/sign.ts'
import { nodeDigests } from '@berth/server/auth/signing-keys.ts'
import { StartError } from '@berth/server/base/errors.ts'
import { child, children, parseXml, textOf, type XmlElement } from './xml.ts'

export interface IamServer {
  url: string
  region: string
  credentials: Credentials
}

export type Parameters = readonly (readonly [name: string, value: string])[]

/** The `<Action>Result` of an answer. @throws StartError for a refusal, or when nobody answers */
export async function callIam({ url, region, credentials }: IamServer, action: string, parameters: Parameters) {
  const body = new URLSearchParams([
    ['Action', action],
    ['Version', iamVersion],
    ...parameters.map(([name, value]): [string, string] => [name, value]),
  ]).toString()
  const target = new URL('/', url)
  const headers = signRequest({
    method: 'POST',
    url: target,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    ...{ body, credentials, region, service: 'iam', now: Date.now(), digests: nodeDigests },
  })
  let answer: Response
  try {
    answer = await fetch(target, { method: 'POST', headers, body, redirect: 'error' })
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new StartError(`${url} does not answer: ${reason}`, 'Name the server by --endpoint.', { cause: error })
  }
  const root = parseXml(await answer.text())
  if (!root) throw new StartError(`${url} answers ${answer.status}, and no XML.`, 'Name the server by --endpoint.')
  if (!answer.ok) throw refusal(child(root, 'Error'), answer.status)
  return child(root, `${action}Result`)
}

function refusal(error: XmlElement | undefined, status: number): StartError {
  const code = textOf(error, 'Code') ?? String(status)
  const hint =
    code === 'AccessDenied'
      ? 'Whoever asks needs iam:SimulatePrincipalPolicy on the principal.'
      : 'Ask with the keys of the account of the principal: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --data-dir.'
  return new StartError(`${code}: ${textOf(error, 'Message') ?? ''}`, hint)
}

export const members = (list: XmlElement | undefined): XmlElement[] => children(list, 'member')
