/** The request is JSON, but a value in it has not the type of its member: `SerializationException` on the wire. */
export class SerializationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SerializationError'
  }
}
