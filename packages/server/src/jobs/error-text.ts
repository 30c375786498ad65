// What is kept of a failure: in the row of the job, where an operator reads it, and in the log. Errors of the outside world may repeat
// what they were sent, so what looks like a secret is cut out.

const longest = 500

const secrets: readonly [pattern: RegExp, instead: string][] = [
  // Links: the user's part and the query, where tokens and signatures are.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1…@'],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, '$1?…'],
  [/\b(bearer|basic|aws4-hmac-sha256)\s+[^\s"',;][^"';\n]*/gi, '$1 …'],
  [
    /\b((?:x-amz-)?[a-z-]*(?:password|secret|token|signature|credential|api-?key)[a-z-]*["']?\s*[=:]\s*)["']?[^\s"',;&]+/gi,
    '$1…',
  ],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '…'],
]

export function withoutSecrets(text: string): string {
  return secrets.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text)
}

/** One bounded line: what failed, and what it was caused by. */
export function errorText(error: unknown): string {
  const parts: string[] = []
  for (
    let cause = error;
    cause !== undefined && parts.length < 4;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''
    parts.push(cause instanceof Error ? `${cause.name}: ${cause.message}${code}` : String(cause))
  }
  const text = withoutSecrets(parts.join(', because ')).replace(/\s+/g, ' ')
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}
