// What a store that several processes of one machine share needs from the process above them. Who carries the messages (processes/)
// knows nothing of what they say.

/** Messages between the store of a worker and the one of the primary: values of JSON, in order, none lost while both live. */
export interface StoreChannel {
  post(message: unknown): void
  /** Called once, before anything can arrive. */
  onMessage(receive: (message: unknown) => void): void
  /** Ends the process at the other end, which holds up all others. */
  end(reason: string): void
}

/** The store of the primary, as it serves the stores of the workers. */
export interface TurnService {
  /** A worker begins. The function that comes back says that its process is gone. */
  join(worker: StoreChannel): () => void
}
