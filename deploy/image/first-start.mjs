// Part of the build of the image: serves once on an empty store, and ends as it is asked to. Fails the build when either goes wrong.

import { spawn } from 'node:child_process'

const berth = ['packages/cli/bin/berth.mjs', 'serve', '--dev', '--listen', '127.0.0.1:0']
const server = spawn(process.execPath, berth, { stdio: ['ignore', 'pipe', 'inherit'] })
const timer = setTimeout(() => server.kill('SIGKILL'), 60_000)
let output = ''
let isAsked = false
server.stdout.setEncoding('utf8').on('data', (text) => {
  output += text
  if (isAsked || !output.includes('is listening on')) return
  isAsked = true
  server.kill('SIGTERM')
})
server.once('close', (code, signal) => {
  clearTimeout(timer)
  if (isAsked && code === 0) return
  process.stderr.write(`The first start ended with ${code ?? signal}:\n${output}`)
  process.exitCode = 1
})
