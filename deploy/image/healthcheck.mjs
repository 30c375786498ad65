// The health check of the image: asks the server of this container, by the settings that it was given as variables. Ends with 0 when the
// answer is 200. The path is the argument: /healthz (the process runs) or /readyz (it can store).

import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'

const port = /(\d+)$/.exec(process.env.BERTH_LISTEN ?? '')?.[1] ?? '5000'
// The certificate is for the name that clients use, which is not the one by which this reaches the server.
const [scheme, get] = process.env.BERTH_TLS_CERT ? ['https', httpsGet] : ['http', httpGet]
const options = { rejectUnauthorized: false, timeout: 4000 }
const request = get(`${scheme}://127.0.0.1:${port}${process.argv[2] ?? '/healthz'}`, options, (response) => {
  response.pipe(process.stdout)
  process.exitCode = response.statusCode === 200 ? 0 : 1
})
request.on('timeout', () => request.destroy(new Error('no answer in 4 seconds')))
request.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
