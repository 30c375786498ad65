// The named types that several operations share, as the STS API model (2011-06-15) has them.

import { string } from '../shapes/shape.ts'

export const Arn = string({
  min: 20,
  max: 2048,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+',
})

export const AccessKeyId = string({ min: 16, max: 128, pattern: '[\\w]*' })
