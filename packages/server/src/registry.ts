// The registry as a value: the only file that knows every concrete part. Ten of them run side by side in one process.

import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { AccountId, Region } from '@berth/api/names/registry.ts'
import { createAuditLog } from './audit/audit-log.ts'
import { createAuthorizationMessages } from './auth/authorization-message.ts'
import { createDockerTokens } from './auth/docker-token.ts'
import { failedLoginBudget } from './auth/failed-logins.ts'
import { refuseKeySet } from './auth/key-sets.ts'
import { createSealedValues } from './auth/sealed-value.ts'
import { createSessionTokens } from './auth/session-token.ts'
import { createSignatureVerifier } from './auth/verify-signature.ts'
import { createWebIdentities } from './auth/web-identity.ts'
import { type Clock, systemClock } from './base/clock.ts'
import { StartError, systemErrorCode } from './base/errors.ts'
import { type Ids, randomIds } from './base/ids.ts'
import { type Log, type LogSink, openLog } from './base/log.ts'
import { addressText, type Config, registryHostOf } from './config.ts'
import type { Credentials } from './data-dir-files.ts'
import { createBlobs } from './domain/blobs/blobs.ts'
import { createSweep } from './domain/blobs/sweep.ts'
import { createUploads } from './domain/blobs/uploads.ts'
import { type AccessKeys, createAccessKeys } from './domain/identities/access-keys.ts'
import { createAccountAliases } from './domain/identities/account-aliases.ts'
import { createAccountReports } from './domain/identities/account-reports.ts'
import { createCustomerPolicies } from './domain/identities/customer-policies.ts'
import { createEntities } from './domain/identities/entities.ts'
import { createEntityPolicies } from './domain/identities/entity-policies.ts'
import { createGroups } from './domain/identities/groups.ts'
import type { Identities } from './domain/identities/identities.ts'
import { createProviders } from './domain/identities/providers.ts'
import { createRoleSessions } from './domain/identities/role-sessions.ts'
import { createRoles } from './domain/identities/roles.ts'
import { createTaggedEntities } from './domain/identities/tagged-entities.ts'
import { createUsers } from './domain/identities/users.ts'
import { createImages } from './domain/images/images.ts'
import { createPullTimes } from './domain/images/pull-times.ts'
import { createReferrers } from './domain/images/referrers.ts'
import { createAuthorizer } from './domain/policies/authorize.ts'
import { createRegistryPolicies } from './domain/policies/registry-policies.ts'
import { createRepositoryPolicies } from './domain/policies/repository-policies.ts'
import { createResourcePolicies } from './domain/policies/resource-policies.ts'
import { createSimulations } from './domain/policies/simulate.ts'
import { createRepositories } from './domain/repositories/repositories.ts'
import { createBodyReader } from './http/body.ts'
import { dispatch, type Wires } from './http/dispatch.ts'
import type { Exchange } from './http/exchange.ts'
import { createHealth, sendText } from './http/health.ts'
import { createListener, type Listener, type ListenerOptions } from './http/listener.ts'
import { createMetrics } from './http/metrics.ts'
import { createContentSender } from './http/send-content.ts'
import { openInstallation } from './installation.ts'
import { createJobQueue } from './jobs/job-queue.ts'
import { sweepJobs } from './jobs/sweep-jobs.ts'
import { Worker } from './jobs/worker.ts'
import { createAddresses } from './operations/addresses.ts'
import type { Services } from './operations/services.ts'
import type { Primary } from './processes/primary.ts'
import { createGuardedFetch } from './remote/guarded-fetch.ts'
import { factsTable } from './storage/metadata/tables/facts.ts'
import { uploadsTable } from './storage/metadata/tables/uploads.ts'
import type { TurnService } from './storage/metadata/turn-service.ts'
import { isShared, type JoinedStores } from './stores.ts'
import { createAuditor } from './wire/auditor.ts'
import { createAwsJsonWire } from './wire/aws-json/handle.ts'
import { createAwsQueryWire } from './wire/aws-query/handle.ts'
import { createDownloads } from './wire/downloads.ts'
import { createBlobRedirects } from './wire/oci/blob-redirects.ts'
import { createOciWire } from './wire/oci/handle.ts'
import { createThrottles } from './wire/throttles.ts'

/** What all large bodies of the API together may take of memory. */
const bodyBudgetBytes = 96 * 1024 * 1024

export interface Registry {
  /** Binds the addresses of the configuration, for itself or for the workers of a primary. @throws the system's error */
  listen(primary?: Pick<Primary, 'listen' | 'gather'>): Promise<{ url: string; port: number }>
  /** In a worker: serves a connection that the primary accepted. */
  take(socket: Socket): void
  /** The first account of the store. */
  readonly accountId: AccountId
  /** Only when this start made it. */
  readonly firstCredentials?: Credentials
  /** What the start found of the last run and put right, a sentence each. */
  readonly recovered: readonly string[]
  readonly identities: Identities
  readonly accessKeys: AccessKeys
  readonly log: Log
  /** Starts what one process of the machine does for all: jobs. */
  startJobs(): Promise<void>
  /** What the primary passes on to its workers (processes/). */
  readonly turns: TurnService | undefined
  readonly facts: JoinFacts
  /** The numbers of this process. */
  snapshot(): Promise<object[]>
  /** Ends the process: the store can not be trusted any more. */
  stop(reason: string): void
  /** Drains and closes everything. */
  close(): Promise<void>
}

/** What a worker knows of its primary's stores. */
export interface JoinFacts {
  stagingEpoch: string
}

export interface RegistryParts {
  clock: Clock
  ids: Ids
  log: LogSink
  /** Ends the process: the store can not be trusted any more. */
  stop: (reason: string) => void
  /** How often an address may fail to log in before it has to wait. */
  failedLoginBudget: number
  /** In a worker: the stores are the primary's, and so is what one process does for all. */
  joins?: JoinedStores
  /** In a worker: the numbers of all processes. */
  gather?: () => Promise<object[][]>
}

function defaultParts(config: Config): RegistryParts {
  const log = openLog(config.logLevel)
  return {
    clock: systemClock,
    ids: randomIds,
    log,
    failedLoginBudget,
    stop(reason) {
      log.log.fatal(reason)
      log.flush()
      process.exit(1)
    },
  }
}

/** Makes the store of the data directory. @throws StartError when there is one already */
export async function initialiseStore(config: Config): Promise<Credentials> {
  const { clock, ids, log, stop } = defaultParts(config)
  const installation = await openInstallation(config, {
    clock,
    ids,
    log: log.log,
    mayInitialise: true,
    onFailedSync: (error) => stop(failedSync(error)),
  })
  await installation.close()
  log.flush()
  if (installation.firstCredentials) return installation.firstCredentials
  throw new StartError(
    `the data directory ${config.dataDir} has been initialised already`,
    'Start it with `berth serve`. The first key is in its file `credentials`.',
  )
}

function failedSync(error: unknown): string {
  return `a sync to the disk failed (${error}); what was not acknowledged may be lost, so the process stops`
}

/** @throws StartError, or the system's error for a folder that can not be used */
export async function createRegistry(config: Config, given: Partial<RegistryParts> = {}): Promise<Registry> {
  const parts = { ...defaultParts(config), ...given }
  const { clock, ids } = parts
  const { log } = parts.log
  const onFailedSync = (error: unknown) => parts.stop(failedSync(error))
  const tls = config.tls && { cert: await readFile(config.tls.certFile), key: await readFile(config.tls.keyFile) }
  const installation = await openInstallation(config, {
    clock,
    ids,
    log,
    onFailedSync,
    mayInitialise: config.isLoopback || config.bootstrap !== undefined,
    ...(parts.joins ? { joins: parts.joins } : {}),
  })
  const { metadata, blobs: bytes, keyRing, directory, identities } = installation

  const accessKeys = createAccessKeys({ metadata, keyRing, clock, ids, log })
  const resourcePolicies = createResourcePolicies({ metadata })
  const guardedFetch = createGuardedFetch(config.oidc)
  const authorizationMessages = createAuthorizationMessages(keyRing, installation.id)
  const { seal: sealMessage } = authorizationMessages
  const authorizer = createAuthorizer({ directory, resourcePolicies, clock, sealMessage })

  const pullTimes = createPullTimes({ metadata, clock, log })
  const repositories = createRepositories({ metadata, clock })
  const images = createImages({ metadata, clock, pullTimes })
  const referrers = createReferrers({ metadata })
  const blobs = createBlobs({ metadata, blobs: bytes, authorizer, clock })
  const uploads = createUploads({ metadata, blobs: bytes, clock, ids, log })
  const sweep = createSweep({ metadata, blobs: bytes, uploads, log })
  // A shared store has other nodes for that: it is a job.
  const strays = parts.joins || isShared(config) ? 0 : await sweep.removeStrayStaging(0)
  const jobs = createJobQueue({ clock, ids })
  const swept = { ...sweep, removeExpiredSessions: installation.sessions.removeExpired }
  const worker = new Worker(
    { metadata, clock, random: Math.random, log, queue: jobs },
    sweepJobs(swept, { uploadTtlMs: config.uploadTtlMs, quietMs: isShared(config) ? 3_600_000 : 0 }),
  )
  const resumable = metadata.isShared ? 0 : await metadata.read((db) => uploadsTable.count(db))

  const tokens = createDockerTokens({
    keyRing,
    identities,
    clock,
    installationId: installation.id,
    isSessionBound: config.isTokenSessionBound,
  })
  const sessionTokens = createSessionTokens(keyRing, installation.id)
  const { target, retentionMs, includesPulls } = config.audit
  const auditLog = createAuditLog({ target, retentionMs, dataDir: config.dataDir, clock, log })
  const auditor = createAuditor({
    auditLog,
    directory,
    clock,
    homeAccountId: installation.accountId,
    homeRegion: config.region,
    includesPulls,
  })
  const throttles = createThrottles({ clock, budget: parts.failedLoginBudget })
  const bodies = createBodyReader(bodyBudgetBytes)
  const sendContent = createContentSender()
  const redirectBlob = createBlobRedirects(config.isBlobRedirectOn)
  const isServed = (region: Region) => config.regions?.includes(region) ?? true
  const signatures = createSignatureVerifier({ identities, accessKeys, sessionTokens, clock, isServed })
  const downloads = createDownloads({
    tickets: createSealedValues(keyRing, 'download-link'),
    installationId: installation.id,
    identities,
    authorizer,
    blobs,
    clock,
    sendContent,
    redirectBlob,
    auditor,
    throttles,
  })
  const pageTokens = createSealedValues<unknown>(keyRing, 'page-token')

  const metrics = createMetrics(() => {
    const { commits, syncs, walBytes } = metadata.statistics()
    const { droppedEvents: auditDroppedEvents } = auditLog
    return { commits, walSyncs: syncs, walBytes, ...bytes.statistics(), auditDroppedEvents }
  }, worker)
  const health = createHealth({
    clock,
    async probe() {
      const now = String(clock.now())
      // In one transaction: other processes write their own probes.
      const read = await metadata.write(async (tx) => {
        await factsTable.setFact(tx, 'probe', now)
        return factsTable.fact(tx.db, 'probe')
      })
      if (read !== now) throw new Error('the database does not hold what was written to it')
      await bytes.probe()
    },
  })
  const showMetrics = async (exchange: Exchange) => {
    const { contentType, text } = await metrics.render(await gather?.())
    sendText(exchange, 200, text, contentType)
  }

  let { gather } = parts
  let port = config.listen.port
  const home = { accountId: installation.accountId, region: config.region }
  const entities = createEntities({ metadata })
  const services: Omit<Services, 'downloadLink'> = {
    ids,
    authorizer,
    entities,
    entityPolicies: createEntityPolicies({ metadata, entities, clock }),
    customerPolicies: createCustomerPolicies({ metadata, entities, clock, ids }),
    roles: createRoles({ metadata, entities, clock, ids }),
    providers: createProviders({
      ...{ metadata, entities, clock, ids, refuseKeySet },
      refuseIssuerUrl: guardedFetch.refuseIssuerUrl,
    }),
    taggedEntities: createTaggedEntities({ metadata, entities }),
    users: createUsers({ metadata, entities, clock, ids }),
    groups: createGroups({ metadata, entities, clock, ids }),
    accountAliases: createAccountAliases({ metadata }),
    accountReports: createAccountReports({ metadata, accessKeys, clock }),
    accessKeys,
    directory,
    sessions: installation.sessions,
    sessionTokens,
    roleSessions: createRoleSessions({ authorizer, directory, sessions: installation.sessions }),
    webIdentities: createWebIdentities({ fetchJson: guardedFetch.fetchJson, clock, log }),
    authorizationMessages,
    repositories,
    repositoryPolicies: createRepositoryPolicies({ metadata, authorizer, resourcePolicies }),
    registryPolicies: createRegistryPolicies({ metadata }),
    simulations: createSimulations({ metadata, directory, resourcePolicies, clock }),
    images,
    referrers,
    blobs,
    uploads,
    tokens,
    pageTokens,
    addresses: createAddresses({ host: () => registryHostOf(config, port), home, log }),
  }
  // A link goes back to the host that the client has just called.
  const servicesOf = (exchange: Exchange): Services => ({
    ...services,
    downloadLink: (ctx, repository, digest) =>
      `${exchange.isSecure ? 'https' : 'http'}://${exchange.header('host') ?? ''}${downloads.link(ctx, repository, digest)}`,
  })
  const clients: NonNullable<Wires['clients']> = {
    oci: createOciWire({
      repositories,
      images,
      referrers,
      blobs,
      uploads,
      bodies,
      sendContent,
      redirectBlob,
      authorizer,
      tokens,
      isServed,
      auditor,
      throttles,
    }),
    ecr: createAwsJsonWire({
      signatures,
      bodies,
      clock,
      services: servicesOf,
      auditor,
      throttles,
    }),
    query: createAwsQueryWire({
      signatures,
      bodies,
      clock,
      homeRegion: config.region,
      services: servicesOf,
      auditor,
      throttles,
    }),
    download: downloads.handle,
  }
  const wires: Wires = {
    clients: config.roles.includes('web') ? clients : undefined,
    alive: health.alive,
    ready: health.ready,
    metrics: config.isLoopback && !config.metricsListen ? showMetrics : undefined,
  }

  const options: ListenerOptions = {
    tls,
    trustedProxies: config.trustedProxies,
    clock,
    ids,
    log,
    access: parts.log.access,
    handle: (exchange) => dispatch(exchange, wires),
    onFinished: (exchange, wire, seconds) => metrics.observe(exchange, wire, seconds),
  }
  const listener = createListener(options)
  const metricsListener = createListener({
    ...options,
    tls: undefined,
    handle: async (exchange) => {
      if (exchange.path === '/metrics') await showMetrics(exchange)
      else sendText(exchange, 404, 'There is nothing here but /metrics.\n')
      return 'other'
    },
  })

  return {
    accountId: installation.accountId,
    ...(installation.firstCredentials ? { firstCredentials: installation.firstCredentials } : {}),
    recovered: [
      ...(strays > 0 ? [`${strays} files of uploads that no longer exist were removed.`] : []),
      ...(resumable > 0 ? [`${resumable} uploads were under way; their clients can go on.`] : []),
    ],
    identities,
    accessKeys,

    async listen(primary) {
      if (primary) gather = primary.gather
      port = await listenOn(primary ?? listener, config)
      if (config.metricsListen) await metricsListener.listen(config.metricsListen.host, config.metricsListen.port)
      const host = config.isLoopback ? 'localhost' : config.listen.host
      return { url: `${tls ? 'https' : 'http'}://${addressText({ host, port })}`, port }
    },
    take: listener.take,

    log,
    async startJobs() {
      if (config.roles.includes('worker')) await worker.start()
    },
    turns: installation.turns,
    facts: { stagingEpoch: bytes.stagingEpoch },
    snapshot: metrics.snapshot,
    stop: parts.stop,

    async close() {
      await Promise.all([listener.close(), metricsListener.close()])
      await worker.stop()
      await uploads.close()
      await pullTimes.close()
      await accessKeys.close()
      metrics.close()
      await auditor.settled()
      await auditLog.close()
      await installation.close()
      parts.log.flush()
    },
  }
}

/** On loopback `::1` is listened on as well where it exists, since `localhost` may mean either. */
async function listenOn(listener: Pick<Listener, 'listen'>, config: Config): Promise<number> {
  const { host, port } = config.listen
  const bound = await listener.listen(host, port)
  if (host !== '127.0.0.1' && host !== 'localhost') return bound
  try {
    await listener.listen(host === 'localhost' ? '127.0.0.1' : '::1', bound)
  } catch (error) {
    const code = systemErrorCode(error)
    const isMissing = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
    if (!isMissing && !(code === 'EADDRINUSE' && (port === 0 || host === 'localhost'))) throw error
  }
  return bound
}
