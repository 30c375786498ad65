// berth keys: the master key ring, which seals the secrets of the store: what seals what, a new entry, the end of old ones.

import { Command } from 'commander'
import { addOfflineSettings, type Finish, group, runOffline } from '../offline-options.ts'

const loadRotation = () => import('@berth/server/offline/key-rotation.ts')

export function keys(finish: Finish): Command {
  return group('keys', 'Rotate the master key, which seals the secrets of the store.', [
    list(finish),
    rotate(finish),
    prune(finish),
  ])
}

function list(finish: Finish): Command {
  const command = new Command('list')
    .description(
      'Show the entries of the master key ring: how many secrets each has sealed, and whether it may be removed.',
    )
    .option('--json', 'Print one JSON array.')
  return addOfflineSettings(command, '  berth keys list --data-dir /var/lib/berth').action(
    (options: Record<string, unknown> & { json?: true }) =>
      runOffline(options, finish, async (store, output) =>
        (await loadRotation()).listKeys(store, { isJson: options.json === true }, output),
      ),
  )
}

function rotate(finish: Finish): Command {
  const command = new Command('rotate')
    .description(
      'Seal all secrets of the store by a new entry of the master key ring. In the data directory the entry is made; where you give the ring, put it first before. Stopped or killed, the same command goes on.',
    )
    .option('--nodes-have-it', 'On PostgreSQL: all nodes were restarted with the ring in which the new entry is first.')
  return addOfflineSettings(command, rotateExamples).action(
    (options: Record<string, unknown> & { nodesHaveIt?: true }) =>
      runOffline(options, finish, async (store, output) =>
        (await loadRotation()).rotateKeys(store, { isKnownToNodes: options.nodesHaveIt === true }, output),
      ),
  )
}

function prune(finish: Finish): Command {
  const command = new Command('prune').description(
    'Drop the entries that seal nothing in the store and whose tokens are over, 37 hours after the rotation; of a ring that you give, say which those are.',
  )
  return addOfflineSettings(command, '  berth keys prune --data-dir /var/lib/berth').action(
    (options: Record<string, unknown>) =>
      runOffline(options, finish, async (store, output) => (await loadRotation()).prune(store, output)),
  )
}

const rotateExamples = `  berth keys rotate --data-dir /var/lib/berth
  BERTH_MASTER_KEY_FILE=/etc/berth/master-key berth keys rotate --nodes-have-it`
