// How long the fault tests go on: short where they run with each change, as long as it takes with BERTH_TEST_SOAK.

export const isSoak = Boolean(process.env.BERTH_TEST_SOAK)

/** A test that hangs is a failure too. */
export const timeout = (isSoak ? 240 : 10) * 60_000

/** BERTH_TEST_ROUNDS, or what this test has by itself. */
export function rounds(own: { usual: number; soak: number }): number {
  return fromEnvironment('BERTH_TEST_ROUNDS') ?? (isSoak ? own.soak : own.usual)
}

/** BERTH_TEST_SECONDS, or what this test has by itself. */
export function seconds(own: { usual: number; soak: number }): number {
  return fromEnvironment('BERTH_TEST_SECONDS') ?? (isSoak ? own.soak : own.usual)
}

/** BERTH_TEST_IMAGES, or what this test has by itself. */
export function images(own: { usual: number; soak: number }): number {
  return fromEnvironment('BERTH_TEST_IMAGES') ?? (isSoak ? own.soak : own.usual)
}

/** BERTH_TEST_SEED, or a new one; it is printed, so that a failure can be looked for again. */
export function seed(): number {
  const chosen = fromEnvironment('BERTH_TEST_SEED') ?? Math.floor(Math.random() * 2 ** 31)
  console.log(`BERTH_TEST_SEED=${chosen}`)
  return chosen
}

function fromEnvironment(name: string): number | undefined {
  const text = process.env[name]
  if (!text) return undefined
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is ${text}, which is no number`)
  return value
}
