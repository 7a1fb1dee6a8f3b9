/** Random and exhaustive schedules for leases: what is done to a world, and that it heals. */
import { createSeededEntropy, type Entropy } from '../../runtime/index.ts'
import { LeaseWorld, TTL_MS, type LeaseCores, type LeaseWorldOptions } from './lease-world.ts'

const FAULTS = 24
/** A voter without memory waits one TTL and asks; a candidate waits one more, by slower clocks. */
const HEALED_MS = 6 * TTL_MS

const pick = <T>(entropy: Entropy, items: readonly T[]): T =>
  items[Math.floor(entropy.random() * items.length)]!

/** One random run; throws what it finds, with the number of leases that began. */
export function leaseChaos(seed: number, cores?: LeaseCores): number {
  const entropy = createSeededEntropy(seed)
  const isBad = entropy.random() < 0.6
  const options: LeaseWorldOptions = {
    entropy,
    voters: pick(entropy, [3, 3, 5]),
    candidates: 3,
    ...(cores === undefined ? {} : { cores }),
    ...(entropy.random() < 0.3 ? { holdMsMax: pick(entropy, [0, 30, 300]) } : {}),
    ...(isBad
      ? { loss: 0.1, duplicated: 0.1, delayMsMax: pick(entropy, [5, 20, 70]), late: 0.05 }
      : {}),
  }
  const world = new LeaseWorld(options)
  const losses = entropy.random() < 0.5
  for (let i = 0; i < FAULTS; i++) {
    world.advance(entropy.random() * pick(entropy, [50, 300, 1_500]))
    fault(world, entropy, losses)
  }
  settle(world)
  return world.acquired
}

function fault(world: LeaseWorld, entropy: Entropy, losses: boolean): void {
  const voter = pick(entropy, world.voters)
  const candidate = pick(
    entropy,
    world.holders.length > 0 && entropy.random() < 0.6 ? world.holders : world.candidates,
  )
  const anyMs = entropy.random() * 1.5 * TTL_MS
  const disk = losses && entropy.random() < 0.5 ? 'lost' : 'kept'
  switch (Math.floor(entropy.random() * 9)) {
    case 0:
      world.cut(candidate, voter)
      break
    case 1:
      for (const other of world.voters) if (entropy.random() < 0.7) world.cut(candidate, other)
      break
    case 2:
      for (const other of world.voters) if (other !== voter) world.cut(voter, other)
      break
    case 3:
      world.heal()
      break
    case 4:
      world.crashVoter(voter, disk)
      break
    case 5:
      // All at once, as when the power fails.
      for (const other of world.voters) if (entropy.random() < 0.7) world.crashVoter(other, disk)
      for (const other of world.voters) world.startVoter(other)
      break
    case 6:
      for (const other of world.voters) world.startVoter(other)
      for (const other of world.candidates) world.startCandidate(other)
      break
    case 7:
      if (entropy.random() < 0.5) world.crash(candidate)
      else world.release(candidate)
      break
    default:
      world.pause(entropy.random() < 0.5 ? candidate : voter, anyMs)
  }
}

/** What is done in an exhaustive schedule; each step is followed by some time. */
const STEPS: readonly ((world: LeaseWorld) => void)[] = [
  (world) => world.advance(TTL_MS / 3),
  (world) => world.advance(1.3 * TTL_MS),
  (world) => world.heal(),
  (world) => world.holders.forEach((holder) => world.cut(holder, world.voters[0]!)),
  (world) =>
    world.holders.forEach((holder) => world.voters.forEach((voter) => world.cut(holder, voter))),
  (world) => world.holders.forEach((holder) => world.pause(holder, 1.2 * TTL_MS)),
  (world) => world.holders.forEach((holder) => world.release(holder)),
  (world) => world.holders.forEach((holder) => world.crash(holder)),
  (world) => restart(world, [0], 'kept'),
  (world) => restart(world, [0], 'lost'),
  (world) => restart(world, [0, 1], 'kept'),
  (world) => restart(world, [0, 1], 'lost'),
  (world) => restart(world, [1, 2], 'lost'),
]

function restart(world: LeaseWorld, numbers: readonly number[], disk: 'kept' | 'lost'): void {
  for (const number of numbers) world.crashVoter(world.voters[number]!, disk)
  for (const number of numbers) world.startVoter(world.voters[number]!)
}

/** Every schedule of `length` steps for two candidates and three voters; gives how many there were. */
export function everySchedule(length: number, cores?: LeaseCores): number {
  const schedules = STEPS.length ** length
  for (let number = 0; number < schedules; number++) {
    const world = new LeaseWorld({
      entropy: createSeededEntropy(number),
      ...{ voters: 3, candidates: 2 },
      ...(cores === undefined ? {} : { cores }),
    })
    world.advance(100)
    try {
      for (let left = number, i = 0; i < length; i++, left = Math.floor(left / STEPS.length)) {
        STEPS[left % STEPS.length]!(world)
        world.advance(TTL_MS / 10)
      }
      settle(world)
    } catch (error) {
      throw new Error(`schedule ${number} of ${length} steps: ${String(error)}`, { cause: error })
    }
  }
  return schedules
}

/** Everything runs again and the network is whole: somebody gets the lease. */
function settle(world: LeaseWorld): void {
  world.heal()
  for (const voter of world.voters) world.startVoter(voter)
  for (const candidate of world.candidates) world.startCandidate(candidate)
  const pausedMs = Math.max(
    ...[...world.voters, ...world.candidates].map(({ pausedUntilMs }) => pausedUntilMs),
  )
  const untilMs = Math.max(pausedMs, world.nowMs) + HEALED_MS
  const before = world.acquired
  while (world.holders.length === 0 && world.acquired === before) {
    if (world.nowMs > untilMs) throw new Error(`G11 nobody has the lease at ${world.nowMs} ms`)
    world.advance(50)
  }
}
