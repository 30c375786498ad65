// A store as commands have it that are no server: accounts, recovery keys, rotation of the master key.

import { createAuditLog } from '../audit/audit-log.ts'
import { systemClock } from '../base/clock.ts'
import { StartError } from '../base/errors.ts'
import { type Ids, randomIds } from '../base/ids.ts'
import type { LogSink } from '../base/log.ts'
import { version } from '../base/version.ts'
import type { Config } from '../config.ts'
import { type InstallationWithoutBlobs, openWithoutBlobs } from '../installation.ts'

export interface OfflineStore extends InstallationWithoutBlobs {
  config: Config
  clock: typeof systemClock
  ids: Ids
  log: LogSink['log']
}

/** Where a command says what it did: results, and what goes on meanwhile. */
export interface Output {
  out(text: string): void
  progress(text: string): void
}

/** @throws StartError for everything that the operator can act on */
export async function openOfflineStore(
  config: Config,
  { log }: LogSink,
  onFailedSync: (error: unknown) => void,
): Promise<OfflineStore> {
  const parts = { clock: systemClock, ids: randomIds, log }
  return { ...(await openWithoutBlobs(config, { ...parts, onFailedSync })), ...parts, config }
}

export interface OfflineEvent {
  name: 'CreateAccount' | 'CloseAccount' | 'OpenAccount' | 'CreateAccessKey' | 'DeleteAccessKey'
  /** What was run: `root create-key`. */
  command: string
  accountId: string
  requestParameters: object
  responseElements?: object
}

/** Tells the audit log what was done past all policies. @throws StartError when that could not be written down */
export async function recordOffline(store: OfflineStore, event: OfflineEvent): Promise<void> {
  const { config, clock, ids, log } = store
  const { target, retentionMs } = config.audit
  const { command, accountId, ...rest } = event
  const auditLog = createAuditLog({ target, retentionMs, dataDir: config.dataDir, clock, log })
  auditLog.record({
    at: clock.now(),
    source: rest.name.endsWith('Account') ? 'organizations' : 'iam',
    region: 'us-east-1',
    sourceAddress: 'localhost',
    userAgent: `berth/${version} ${command} (offline, user ${process.getuid?.() ?? 'unknown'})`,
    identity: { type: 'AWSService', principalId: 'berth' },
    requestId: ids.request(),
    isReadOnly: false,
    recipients: [accountId],
    category: 'Management',
    ...rest,
  })
  await auditLog.close()
  if (auditLog.droppedEvents === 0) return
  throw new StartError(
    'the audit log can not be written, and this is done only where it can',
    'Make room, or make the data directory writable for this user; or say where the log goes by BERTH_AUDIT_LOG.',
  )
}
