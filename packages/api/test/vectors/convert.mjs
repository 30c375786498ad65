// Makes sigv4.json from the folder `aws-signing-test-suite/v4` of the crate named in README.md:
//   node convert.mjs <folder> > sigv4.json

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]

/** One character a byte, as Node's HTTP parser hands out targets and header values. */
const read = (name, file) => readFileSync(join(folder, name, file), 'latin1')

function parseRequest(text) {
  const [head, ...rest] = text.split('\n\n')
  const [requestLine, ...lines] = head.split('\n')
  const method = requestLine.slice(0, requestLine.indexOf(' '))
  const target = requestLine.slice(method.length + 1, requestLine.lastIndexOf(' '))
  const rawHeaders = []
  for (const line of lines) {
    if (/^\s/.test(line)) rawHeaders[rawHeaders.length - 1] += `\n${line}`
    else if (line !== '') rawHeaders.push(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1))
  }
  return { method, target, rawHeaders, body: rest.join('\n\n') }
}

const vectors = []
for (const name of readdirSync(folder).sort()) {
  // Two cases that smithy-rs added have no context; canonical-request.test.ts quotes what they say.
  if (!existsSync(join(folder, name, 'context.json'))) continue
  const context = JSON.parse(read(name, 'context.json'))
  const form = (prefix) => ({
    signedRequest: parseRequest(read(name, `${prefix}-signed-request.txt`)),
    canonicalRequest: read(name, `${prefix}-canonical-request.txt`),
    stringToSign: read(name, `${prefix}-string-to-sign.txt`),
    signature: read(name, `${prefix}-signature.txt`),
  })
  vectors.push({
    name,
    context,
    request: parseRequest(read(name, 'request.txt')),
    header: form('header'),
    query: form('query'),
  })
}
process.stdout.write(`${JSON.stringify(vectors, null, 2)}\n`)
