// What a condition may ask about a request: values by key. Keys are asked for in lower case, because their names are compared
// without case; a value is computed when it is asked for.

/** Two tags whose keys differ only by case, asked for by a key that has none. */
export class CaseVariants {
  readonly values: readonly string[]

  constructor(values: readonly string[]) {
    this.values = values
  }
}

/** A list is the value of a multivalued key, whatever its length. */
export type ContextValue = string | readonly string[] | CaseVariants

export interface ContextKeys {
  /** `key` is in lower case. Undefined means that the request has no such key. */
  get(key: string): ContextValue | undefined
}

export const emptyContext: ContextKeys = { get: () => undefined }
