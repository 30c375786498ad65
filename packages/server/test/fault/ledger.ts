// What clients know about a registry, to be held against it after a fault.
//
// Everything that can change is a *register* with a name and a value (undefined: not there): `tag <repository>:<tag>` holds a digest,
// `image <repository>@<digest>`, `blob <repository>@<digest>` and `repository <repository>` hold `there`. Each register has one writer at a
// time, so its values are a sequence. An operation appends a version to each register that it changes when its request is *sent*. When
// its answer arrives, everything before that version is out of date for ever. A fault may leave the register at the last acknowledged
// version or at any later one, and nowhere else:
//
//     versions   v1       v2       v3       v4
//                acked    acked    sent     sent
//                         ^------ may hold ------^
//
// A reader that was answered a value counts like an acknowledgement of it: docs/design/store.md. Nothing is concluded from a 404.

export type Value = string | undefined

interface Version {
  value: Value
  refused: boolean
}

interface Register {
  versions: Version[]
  /** Index of the oldest version that may still be the present one. */
  floor: number
}

export interface Operation {
  /** The success answer has arrived. */
  acknowledge(): void
  /** The server said that it did not do it. An operation that is never settled may have happened or not. */
  refuse(): void
}

/** Each register with the values that it may have. */
export type Expectation = Map<string, Set<Value>>

export function createLedger() {
  const registers = new Map<string, Register>()
  let acknowledged = 0

  function register(name: string): Register {
    let found = registers.get(name)
    if (!found) {
      found = { versions: [{ value: undefined, refused: false }], floor: 0 }
      registers.set(name, found)
    }
    return found
  }

  function raiseFloor(of: Register, version: Version): void {
    const index = of.versions.indexOf(version)
    // A version that is gone was below the floor already.
    if (index > of.floor) of.floor = index
    if (of.floor > 100) {
      of.versions.splice(0, of.floor)
      of.floor = 0
    }
  }

  function present(of: Register): Set<Value> {
    return new Set(of.versions.slice(of.floor).flatMap(({ value, refused }) => (refused ? [] : [value])))
  }

  return {
    /** A request is about to be sent that would change these registers. */
    begin(changes: Iterable<[name: string, value: Value]>): Operation {
      const versions = [...changes].map(([name, value]) => {
        const of = register(name)
        const version = { value, refused: false }
        of.versions.push(version)
        return { of, version }
      })
      return {
        acknowledge() {
          acknowledged++
          for (const { of, version } of versions) raiseFloor(of, version)
        },
        refuse() {
          for (const { version } of versions) version.refused = true
        },
      }
    },

    /** Before a read is sent. The function takes what was read, and says what is wrong with it, if anything. */
    reading(name: string): (value: string) => string | undefined {
      const of = register(name)
      const oldest = of.versions[of.floor]
      return (value) => {
        const start = Math.max(0, oldest ? of.versions.indexOf(oldest) : 0)
        const seen = of.versions.slice(start).find((version) => !version.refused && version.value === value)
        if (!seen) return `${name} was read as ${value}, which it cannot be any more, or never was`
        raiseFloor(of, seen)
        return undefined
      }
    },

    /** What every register may hold if the fault comes now. */
    expectation(): Expectation {
      return new Map([...registers].map(([name, of]) => [name, present(of)]))
    },

    /** The registers that something was sent to since they were settled. */
    touched(): string[] {
      return [...registers].flatMap(([name, { versions }]) => (versions.length > 1 ? [name] : []))
    },

    /** What one register may hold now. */
    may(name: string): Set<Value> {
      return present(register(name))
    },

    /** After a fault: this is what was found, and holds from now on. */
    settle(values: Iterable<[name: string, value: Value]>): void {
      for (const [name, value] of values) registers.set(name, { versions: [{ value, refused: false }], floor: 0 })
    },

    /** Everything that was sent since the expectation was taken happened on a machine that is no more. */
    forget(): void {
      registers.clear()
    },

    /** How many operations were acknowledged in all. */
    get acknowledged() {
      return acknowledged
    },
  }
}

export type Ledger = ReturnType<typeof createLedger>
