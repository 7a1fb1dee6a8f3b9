/**
 * What must hold in calm of last values (PS13) and of several providers (R1, R14): whoever subscribes late gets each last
 * value once and none that was deleted; everybody who offers a procedure is asked, and in turn equally often.
 */
import { asNobody, ownPromise } from '../../runtime/index.ts'
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'
import type { Manner, Subscriber } from './services-topics.ts'
import { lastOf } from './services-wide-commands.ts'
import { LAST, PROCEDURES } from './services-world.ts'
import type { ServicesWorld } from './services-world.ts'

const SETTLE_MS = 4_000
const END: Manner = { qos: 1, retain: 'end' }
const VALUE: Manner = { qos: 1, retain: 'value' }

/** Everybody sets a last value, every second one deletes it, and then everybody subscribes; in the end all are deleted. */
export async function lateOnes(world: ServicesWorld): Promise<void> {
  const lives = world.lives()
  await publishAll(world, lives, VALUE)
  const deleted = lives.filter(({ seat }) => seat % 2 === 1)
  await publishAll(world, deleted, END)
  await subscribeAll(world, lives, new Set(lives.filter((life) => !deleted.includes(life))))
  await publishAll(world, lives, END)
  await subscribeAll(world, lives, new Set())
}

async function publishAll(
  world: ServicesWorld,
  lives: readonly Life[],
  manner: Manner,
): Promise<void> {
  for (const life of lives) {
    asNobody(() => world.watch(world.topics.publish(life, lastOf(life.seat), manner)))
  }
  await world.simulation.sleep(SETTLE_MS)
}

/** All subscribe, and get the values of those. */
async function subscribeAll(
  world: ServicesWorld,
  lives: readonly Life[],
  kept: ReadonlySet<Life>,
): Promise<void> {
  const late: Subscriber[] = []
  for (const life of lives) asNobody(() => late.push(world.subscribe(life, LAST)))
  await world.simulation.sleep(SETTLE_MS)
  const claim: Claim = world.claims.claim
  for (const subscriber of late) {
    const { by, got } = subscriber
    const topics = world.topics.topicsOf(got)
    const wanted = [...kept].map(({ seat }) => lastOf(seat)).sort()
    const what = (): string =>
      `${by.name} subscribes late and gets ${topics.join()} of ${wanted.join()}`
    claim(topics.join() === wanted.join(), 'PS13', what)
    for (const entry of by.subscriptions) if (entry.subscriber === subscriber) entry.end()
  }
}

/** Members ask all who offer a procedure, and then one after the other. */
export async function spread(world: ServicesWorld): Promise<void> {
  const lives = world.lives()
  const work: Promise<void>[] = []
  for (const life of lives.filter(({ isMember }) => isMember)) {
    for (const procedure of PROCEDURES) {
      const nodes = new Set(
        lives.filter(({ advertisements }) => advertisements.has(procedure)).map(({ key }) => key),
      )
      if (nodes.size === 0) continue
      const one = (): Promise<void> => world.calls.many.spread(life, procedure, nodes)
      work.push(ownPromise<void>((resolve, reject) => void asNobody(one).then(resolve, reject)))
    }
  }
  await Promise.all(work)
}
