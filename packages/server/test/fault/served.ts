// A served registry that does not outlive the test process, whatever ends it.

import { type ServedRegistry, type ServeOptions, serve as serveRegistry } from '../support/serve.ts'

export type { ServedRegistry, ServeOptions }

export async function serve(options: ServeOptions = {}): Promise<ServedRegistry> {
  const server = await serveRegistry(options)
  const kill = () => server.process.kill('SIGKILL')
  process.once('exit', kill)
  server.process.once('exit', () => process.off('exit', kill))
  return server
}
