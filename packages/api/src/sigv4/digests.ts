// The two digests that signing needs, as parameters. This package runs anywhere and depends on nothing: Node has them in
// `node:crypto`, a browser gets them from a small library. They are synchronous, which WebCrypto is not, because a server
// checks a signature for every request; and WebCrypto is missing where a page came over plain HTTP.

export interface Digests {
  /** SHA-256 in lower-case hex. A string stands for one byte a character (latin-1), as Node hands out header values. */
  sha256Hex(data: string | Uint8Array): string
  /** HMAC-SHA-256 of an ASCII text. A key that is text stands for its UTF-8 bytes. */
  hmacSha256(key: string | Uint8Array, text: string): Uint8Array
}
