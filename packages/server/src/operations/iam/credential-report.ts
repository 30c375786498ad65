// Everybody with his credentials, as a table (IAM GenerateCredentialReport, "Getting credential reports for your AWS account"). It is made
// when it is asked for, so it is never missing and never old.

import {
  GenerateCredentialReportRequest,
  GenerateCredentialReportResponse,
  GetCredentialReportRequest,
  GetCredentialReportResponse,
} from '@berth/api/iam/account.ts'
import type { Base64Text } from '@berth/api/shapes/base64.ts'
import type { AccessKeySummary } from '../../domain/identities/access-keys.ts'
import type { CredentialsOfUser } from '../../domain/identities/account-reports.ts'
import { entityArn, rootArn } from '../../domain/identities/arns.ts'
import { identityOperation } from '../identity-operation.ts'
import { seconds } from './present.ts'
import { onAnything } from './resources.ts'

const generateCredentialReport = identityOperation({
  service: 'iam',
  name: 'GenerateCredentialReport',
  input: GenerateCredentialReportRequest,
  output: GenerateCredentialReportResponse,
  permissions: onAnything('GenerateCredentialReport'),
  async run() {
    return { State: 'COMPLETE' as const }
  },
})

const getCredentialReport = identityOperation({
  service: 'iam',
  name: 'GetCredentialReport',
  input: GetCredentialReportRequest,
  output: GetCredentialReportResponse,
  permissions: onAnything('GetCredentialReport'),
  async run(_input, { registry: { accountId } }, { accountReports }) {
    const { at, users } = await accountReports.credentials(accountId)
    const rows = users.map((user) => rowOf(user, accountId))
    const csv = [columns, ...rows].map((row) => row.map(quoted).join(',')).join('\n')
    const Content = Buffer.from(csv).toString('base64') as Base64Text
    return { Content, ReportFormat: 'text/csv' as const, GeneratedTime: seconds(at) }
  },
})

export const credentialReportOperations = [generateCredentialReport, getCredentialReport]

const numbers = ['1', '2']
const columns = [
  ...['user', 'arn', 'user_creation_time'],
  ...['password_enabled', 'password_last_used', 'password_last_changed', 'password_next_rotation', 'mfa_active'],
  ...numbers.flatMap((n) => [
    ...[`access_key_${n}_active`, `access_key_${n}_last_rotated`, `access_key_${n}_last_used_date`],
    ...[`access_key_${n}_last_used_region`, `access_key_${n}_last_used_service`],
  ]),
  ...numbers.flatMap((n) => [`cert_${n}_active`, `cert_${n}_last_rotated`]),
]

const absent = 'N/A'

/** Nobody has a password, a second factor or a certificate. */
function rowOf({ row, createdAt, keys }: CredentialsOfUser, accountId: string): string[] {
  const noPassword = row
    ? ['false', absent, absent, absent]
    : ['not_supported', absent, 'not_supported', 'not_supported']
  return [
    ...[row?.name ?? '<root_account>', row ? entityArn(row) : rootArn(accountId), timeText(createdAt)],
    ...[...noPassword, 'false'],
    ...[...keyColumns(keys[0]), ...keyColumns(keys[1])],
    ...['false', absent, 'false', absent],
  ]
}

/** A key is made anew to be rotated. */
function keyColumns(key: AccessKeySummary | undefined): string[] {
  if (!key) return ['false', absent, absent, absent, absent]
  const { status, createdAt, lastUse } = key
  const use = lastUse ? [timeText(lastUse.at), lastUse.region, lastUse.service] : [absent, absent, absent]
  return [String(status === 'Active'), timeText(createdAt), ...use]
}

function timeText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, -'.000Z'.length)}+00:00`
}

/** Names may have commas (RFC 4180, section 2). */
function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
