// The log: one JSON object a line on standard error. Secrets never reach it: they are redacted by key here.

import { type Logger, type LoggerOptions, pino } from 'pino'

export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

export interface LogSink {
  log: Log
  /** For the line of each request: its members are all named in one place and hold no secret, so that none has to be looked for. */
  access: Log
  /** Writes out what is buffered; called before the process ends. */
  flush(): void
}

const secrets = ['authorization', 'password', 'secretAccessKey', 'sessionToken', 'authorizationToken', 'signature']

/** The kernel does not mix what several processes write to one pipe, up to so many bytes at a time. */
const wholeWriteBytes = 4096

/** `level` is one of pino's, or `silent`. Lines are buffered for up to 100 ms, so that a request never waits for the terminal. */
export function openLog(level: string): LogSink {
  const destination = pino.destination({
    fd: 2,
    sync: false,
    minLength: wholeWriteBytes - 1024,
    maxWrite: wholeWriteBytes,
  })
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  }
  const redact = { paths: secrets.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' }
  const log = pino({ ...options, redact }, destination)
  const timer = setInterval(() => destination.flush(), 100)
  timer.unref()
  return {
    log,
    access: pino(options, destination),
    flush: () => {
      clearInterval(timer)
      try {
        destination.flushSync()
      } catch {
        // The descriptor was never opened: nothing was logged.
      }
    },
  }
}

export const silentLog: Log = pino({ level: 'silent' })
