// The Range header, as far as a registry needs it: one range of bytes (RFC 9110, 14; OCI end-2 "SHOULD support Range").

export type RangeAnswer =
  | { is: 'whole' }
  /** Positions of the first and last byte, both inside the content. */
  | { is: 'part'; first: number; last: number }
  | { is: 'unsatisfiable' }

/** What to send of `size` bytes. A header that is no single byte range is ignored, as the RFC allows. */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(' ', '') ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return { is: 'whole' }
  const [, from = '', to = ''] = match
  if (from === '') {
    const suffix = Number(to)
    return suffix === 0 || size === 0
      ? { is: 'unsatisfiable' }
      : { is: 'part', first: Math.max(0, size - suffix), last: size - 1 }
  }
  const first = Number(from)
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  return first >= size || last < first ? { is: 'unsatisfiable' } : { is: 'part', first, last }
}
