#!/usr/bin/env node
// The berth command. Its first line that runs looks at the version of Node, in JavaScript that old ones understand; everything else is
// TypeScript, which Node runs as it is from 24 on.

import { fileURLToPath } from 'node:url'

var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    'Berth needs Node 24 or newer, and this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').\n' +
      'In a clone of Berth, `npm ci` installs the right Node beside it, and `npm start` uses that one; elsewhere take it from https://nodejs.org/.\n',
  )
  process.exit(1)
}

// libuv reads this once, when the first file is touched; each write of a blob and each sync holds a thread, and the default is 4.
if (!process.env.UV_THREADPOOL_SIZE) process.env.UV_THREADPOOL_SIZE = '32'

// V8 would let the young generation grow beyond 100 MiB under load, for nothing that a registry needs: measured, 333 against 242 MiB at
// the same speed. The flag counts only at the start of a process, so the process starts again in its own place.
var heapFlag = '--max-semi-space-size=16'
if (
  process.argv[2] === 'serve' &&
  process.execve &&
  !process.execArgv.some((flag) => flag.startsWith('--max-semi-space-size'))
) {
  process.execve(
    process.execPath,
    [process.execPath].concat(process.execArgv, heapFlag, process.argv.slice(1)),
    process.env,
  )
}

// Stripping the types of our files is half of the time of a start; Node keeps the result beside the packages, in a folder that
// belongs to whoever installed them.
var compileCache = new URL('../../../node_modules/.cache/berth', import.meta.url)
import('node:module').then(({ enableCompileCache }) => {
  if (enableCompileCache) enableCompileCache(fileURLToPath(compileCache))
  return import('../src/main.ts').then((command) => command.run())
})
