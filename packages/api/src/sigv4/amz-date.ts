// The date of a signed request: `yyyymmddThhmmssZ`, or a `Date` header as HTTP writes it (RFC 9110, IMF-fixdate).

/** Milliseconds since 1970 to `yyyymmddThhmmssZ`; the fraction of the second is dropped. */
export function formatAmzDate(time: number): string {
  const iso = new Date(time).toISOString()
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`
}

/** Milliseconds since 1970, or undefined when the text is no such date, nor a day that the calendar has. */
export function parseAmzDate(text: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(text)) return undefined
  const digits = (from: number, to: number) => Number(text.slice(from, to))
  const time = Date.UTC(digits(0, 4), digits(4, 6) - 1, digits(6, 8), digits(9, 11), digits(11, 13), digits(13, 15))
  return formatAmzDate(time) === text ? time : undefined
}

export function parseHttpDate(text: string): number | undefined {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toUTCString() === text ? time : undefined
}
