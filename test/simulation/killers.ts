/**
 * Small worlds in which a core with a rule less shows itself. Each throws an error that names a property;
 * a sound core passes all of them.
 */
import fc from 'fast-check'
import { swimSettings } from '../../mesh/membership/swim/settings.ts'
import { watchProperties } from '../../mesh/simulation/checkers/index.ts'
import { dissemination } from '../../mesh/simulation/scenarios/dissemination.ts'
import { SwimWorld, type SwimWorldOptions } from '../../mesh/simulation/swim-world.ts'
import { chaosArbitrary, type Chaos } from './arbitraries.ts'
import { runChaos } from './chaos.ts'
import type { Update } from '../../mesh/membership/swim/message.ts'
import type { Killer } from './mutants.ts'

/** Makes the core under test. */
export type MakeCore = NonNullable<SwimWorldOptions['makeCore']>

const SECOND = 1_000
const MINUTE = 60 * SECOND
const CHAOS_SEEDS = 24

/** The schedule of a seed. */
export function chaosOf(seed: number): Chaos {
  return fc.sample(chaosArbitrary, { seed, numRuns: 1 })[0]!
}

function claim(holds: boolean, id: string, text: string): void {
  if (!holds) throw new Error(`${id}: ${text}`)
}

function worldOf(makeCore: MakeCore, options: Partial<SwimWorldOptions>): SwimWorld {
  const world = new SwimWorld({ seed: 1, nodes: 8, makeCore, ...options })
  watchProperties(world)
  world.run(2 * SECOND)
  return world
}

function deathsOfTheLiving(world: SwimWorld, except: readonly number[] = []): number {
  return world.views.accusations.filter(
    ({ sight, subject }) =>
      sight === 'dead' && !except.includes(world.core.nodeOf(subject)?.index ?? -1),
  ).length
}

/** Every scenario by name. */
export const KILLERS: Readonly<Record<Killer, (makeCore: MakeCore) => void>> = {
  chaos: (makeCore) => {
    for (let seed = 0; seed < CHAOS_SEEDS; seed++) runChaos(seed, chaosOf(seed), { makeCore })
  },

  storm: (makeCore) => {
    const world = worldOf(makeCore, { nodes: 12 })
    for (let round = 0; round < 5; round++) {
      for (let node = 0; node < 12; node++) world.setMeta(node, 200)
      world.run(SECOND)
    }
  },

  forgery: (makeCore) => {
    const world = worldOf(makeCore, {})
    const { id, host, port } = world.core.node(3)
    const meta = new Uint8Array(0)
    const forged = {
      id,
      name: 'node',
      host,
      port,
      generation: 1,
      counter: 9,
      left: false,
      meta,
      proof: 1,
    }
    const from = world.core.node(5).id
    const tell = (update: Update, property: string): void => {
      // What a hostile member sends is an input like any other.
      const message = { type: 'gossip', updates: [update] } as const
      world.core.inject(0, { type: 'datagram', from, message })
      world.run(SECOND)
      claim(world.views.accusations.length === 0, property, `${update.type} was believed`)
      claim(world.views.of(0, id) === 'alive', property, `${update.type} was believed`)
    }
    world.setMeta(3, 8)
    world.run(SECOND)
    tell({ type: 'suspect', id, generation: 1, counter: 0, accuser: from }, 'S3')
    tell({ type: 'dead', id, generation: 1, counter: 7, accuser: from }, 'S7')
    tell({ type: 'statement', statement: forged }, 'S43')
  },

  pause: (makeCore) => {
    for (let seed = 0; seed < 6; seed++) {
      const world = worldOf(makeCore, { seed, nodes: 6 })
      const atMs = world.nowMs
      // Node 1 begins to suspect node 2, sleeps beyond the suspicion, and wakes when all is well again.
      world.runFaults([
        { type: 'loss', atMs, forMs: 3 * SECOND, share: 1, nodes: [2] },
        { type: 'pause', atMs: atMs + 2_800, node: 1, forMs: 30 * SECOND },
      ])
      world.run(45 * SECOND)
      const wrong = world.views.accusations.filter(
        ({ sight, observer, own, subject }) =>
          sight === 'dead' && observer === 1 && own && subject !== world.core.node(1).id,
      )
      claim(wrong.length === 0, 'S39', `after its sleep n1 declared ${wrong[0]?.subject} dead`)
    }
  },

  long_partition: (makeCore) => {
    const settings = swimSettings('lan', { tombstoneMs: MINUTE })
    const world = worldOf(makeCore, { settings })
    const groups = [
      [0, 1, 2],
      [3, 4, 5, 6, 7],
    ]
    world.runFaults([{ type: 'partition', atMs: world.nowMs, forMs: 4 * MINUTE, groups }])
    world.run(4 * MINUTE)
    const healed = world.runUntil(() => world.agrees(), 10 * MINUTE, SECOND)
    claim(healed !== undefined, 'S37', 'the partition did not heal')
  },

  crash: (makeCore) => {
    const world = worldOf(makeCore, { nodes: 12 })
    world.core.stop(11)
    let worst = 0
    for (let i = 0; i < 20; i++) {
      world.run(500)
      for (const node of world.living()) {
        worst = Math.max(worst, node.core!.stats().localHealth)
      }
    }
    claim(worst === 0, 'S19', `helpers answered, and yet a node blames itself: ${worst}`)
  },

  loss: (makeCore) => {
    const network = { lossShare: 0.35 }
    const world = worldOf(makeCore, { nodes: 40, network, links: false })
    world.run(20 * SECOND)
    const own = world.views.accusations.filter((accusation) => accusation.own).length
    claim(own < 20, 'S40', `${own} suspicions of living members at 35 % loss`)
  },

  island: (makeCore) => {
    const world = worldOf(makeCore, { nodes: 6, warm: 5 })
    world.core.start(5)
    world.core.network.add({ type: 'partition', groups: [[5]] })
    world.join(5, [0])
    world.run(15 * SECOND)
    world.core.network.clear()
    const joined = world.runUntil(
      () => world.core.node(5).core!.stats().members.alive === 6,
      25 * SECOND,
    )
    claim(joined !== undefined, 'S34', 'it did not find all in time')
    const large = worldOf(makeCore, { nodes: 30, warm: 29 })
    large.startJoining(29)
    large.run(100)
    const { alive } = large.core.node(29).core!.stats().members
    claim(alive === 30, 'S34', `after its first exchange it knows ${alive} of 30`)
  },

  spread: (makeCore) => {
    const { allMs = Infinity } = dissemination({ seed: 1, nodes: 60, links: false, makeCore })
    claim(allMs <= 1_200, 'S31', `news took ${allMs} ms`)
  },

  leave: (makeCore) => {
    const world = worldOf(makeCore, {})
    world.leave(2)
    world.runUntil(() => world.core.node(2).hasLeft, 10 * SECOND, 1)
    const message = { type: 'ping', sequence: 1, updates: [] } as const
    world.core.inject(2, { type: 'datagram', from: world.core.node(0).id, message })
    world.run(10 * SECOND)
    claim(world.allSee(2, 'left'), 'S35', 'not all heard the goodbye')
  },

  deaf: (makeCore) => {
    const settings = swimSettings('lan', { streamProbe: false })
    const world = worldOf(makeCore, { settings, links: false })
    world.core.network.add({ type: 'cut', from: 2, to: 5 })
    world.run(2 * MINUTE)
    claim(deathsOfTheLiving(world) === 0, 'S37', 'a node with a way around was declared dead')
    const suspicions = world.views.accusations.filter(({ own }) => own).length
    claim(suspicions === 0, 'S37', `${suspicions} suspicions though helpers could reach it`)
  },
}
