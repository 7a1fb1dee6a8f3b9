/** What participants are asked to do in a run: commands drawn from numbers, and how each is carried out. */
import type { Simulation } from '../../dist/simulation/index.ts'
import { asNobody } from '../../runtime/index.ts'
import { MANNERS, of, repeated } from './services-arguments.ts'
import type { Act, Action, Repeat, Repeated, Who } from './services-arguments.ts'
import type { Manner } from './services-calls.ts'
import { wideActions } from './services-wide-commands.ts'
import { MEMBERS, outside, PROCEDURES, ROOMS, SEATS } from './services-world.ts'
import type { ServicesWorld } from './services-world.ts'

const TOPICS = ['news.a', 'news.b', 'news.a.late', 'other']
const FILTERS = ['news.a', 'news.*', 'news.**', '**']
const PEOPLE = ['ann', 'bob']
/** Processes of members and of peers that are killed, by what their labels contain. */
const PARTS = [
  ...['courier', 'catalog', 'pubsub', 'rpc', 'presence', 'gateway', 'gateway.quic_server'],
  ...['gateway.clients', 'gateway.pubsub', 'gateway.rpc', 'gateway.mesh', 'routing', 'records'],
]
const EDGE_PARTS = [
  ...['peer.connection', 'courier', 'catalog.uplink', 'pubsub', 'rpc', 'presence'],
  'peer.advertisement',
]

/** How numbers become arguments. */
export const COMMANDS: Readonly<Record<string, (numbers: readonly number[]) => unknown>> = {
  publish: (numbers) => ({ ...repeated(numbers), qos: numbers[3]! % 4 === 0 ? 0 : 1 }),
  news: (numbers) => ({ ...repeated(numbers), qos: 1 }),
  subscribe: ([who, what]) => ({ who: who! % SEATS, filter: of(FILTERS, what) }),
  unsubscribe: ([who]) => ({ who: who! % SEATS }),
  call: (numbers) => ({ ...repeated(numbers), manner: of(MANNERS, numbers[3]) }),
  repeatable: (numbers) => ({ ...repeated(numbers), manner: of(MANNERS, numbers[3]) }),
  cast: repeated,
  stream: (numbers) => ({ ...repeated(numbers), manner: of(MANNERS, numbers[3]) }),
  advertise: ([who, what]) => ({ who: who! % SEATS, procedure: of(PROCEDURES, what) }),
  unadvertise: ([who, what]) => ({ who: who! % SEATS, procedure: of(PROCEDURES, what) }),
  track: ([who, what, name]) => ({
    who: who! % SEATS,
    room: of(ROOMS, what),
    name: of(PEOPLE, name),
  }),
  untrack: ([who, what, name]) => ({
    who: who! % SEATS,
    room: of(ROOMS, what),
    name: of(PEOPLE, name),
  }),
  kill: ([who, part]) => ({
    who: who! % SEATS,
    part: of(who! % SEATS < MEMBERS ? PARTS : EDGE_PARTS, part),
  }),
  crash_edge: (numbers) => outage(numbers),
  close_edge: (numbers) => outage(numbers),
  pause_edge: (numbers) => outage(numbers),
  cut_edge: (numbers) => outage(numbers),
}

/** How each is carried out, in the world that belongs to a simulation. */
export function actionsIn(
  worldOf: (simulation: Simulation) => ServicesWorld,
): Readonly<Record<string, Action>> {
  /** With the life of whoever does it, if there is one. */
  const act: Act = (what, fn) => {
    return (simulation, args) => {
      const world = worldOf(simulation)
      const life = world.life(args.who)
      if (life === undefined) return
      world.count(what)
      asNobody(() => fn(world, life, args))
    }
  }
  const repeat: Repeat = (what, fn) => {
    return async (simulation, args) => {
      for (let i = 0; i < args.times; i++) {
        act<typeof args>(what, (world, life) => fn(world, life, args, i))(simulation, args)
        await simulation.sleep(args.everyMs)
      }
    }
  }
  const publish = repeat<Repeated & { readonly qos: 0 | 1 }>(
    'publish',
    (world, life, { qos }, i) => {
      const topic = TOPICS[i % TOPICS.length]!
      world.watch(world.topics.publish(life, topic, { qos }))
    },
  )
  const call = (mayRepeat: boolean) =>
    repeat<Repeated & { readonly manner: Manner }>('call', (world, life, { manner }, i) => {
      world.watch(world.calls.call(life, of(PROCEDURES, i), manner, mayRepeat))
    })
  return {
    ...{ publish, news: publish, call: call(false), repeatable: call(true) },
    cast: repeat<Repeated>('cast', (world, life, _args, i) => {
      world.calls.cast(life, of(PROCEDURES, i))
    }),
    stream: repeat<Repeated & { readonly manner: Manner }>('stream', (world, life, args, i) => {
      world.watch(world.calls.open(life, of(PROCEDURES, i), args.manner, args.times * 2))
    }),
    ...standing(act),
    ...wideActions(act, repeat),
    ...outages(worldOf),
  }
}

/** What stands until it is taken back. */
function standing(act: Act): Readonly<Record<string, Action>> {
  return {
    subscribe: act<Who & { readonly filter: string }>('subscribe', (world, life, { filter }) =>
      world.subscribe(life, filter),
    ),
    unsubscribe: act('unsubscribe', (_world, life) => {
      const [first] = life.subscriptions
      first?.end()
    }),
    advertise: act<Who & { readonly procedure: string }>(
      'advertise',
      (world, life, { procedure }) => world.advertise(life, procedure),
    ),
    unadvertise: act<Who & { readonly procedure: string }>(
      'unadvertise',
      (_world, life, { procedure }) => void life.advertisements.get(procedure)?.unadvertise(),
    ),
    track: act<Who & { readonly room: string; readonly name: string }>(
      'track',
      (world, life, { room, name }) => {
        const entry = life.tracked.get(`${room} ${name}`)
        if (entry !== undefined) entry.update({ at: world.simulation.nowMs })
        else life.tracked.set(`${room} ${name}`, life.node.presence.track(room, name))
      },
    ),
    untrack: act<Who & { readonly room: string; readonly name: string }>(
      'untrack',
      (_world, life, { room, name }) => {
        life.tracked.get(`${room} ${name}`)?.untrack()
        life.tracked.delete(`${room} ${name}`)
      },
    ),
    kill: act<Who & { readonly part: string }>('kill', (_world, { node }, { part }) => {
      const label = `fovea.${part}/`
      for (const process of node.system.processes()) {
        if (process.label.includes(label)) node.system.exit(process.pid, 'kill')
      }
    }),
  }
}

interface Outage {
  readonly seat: number
  readonly forMs: number
}

/** What happens to peers at the edge. */
function outages(
  worldOf: (simulation: Simulation) => ServicesWorld,
): Readonly<Record<string, Action>> {
  const act = (what: string, fn: (world: ServicesWorld, args: Outage) => Promise<void>) => {
    return async (simulation: Simulation, args: Outage): Promise<void> => {
      const world = worldOf(simulation)
      if (world.life(args.seat) === undefined) return
      world.count(what)
      await fn(world, args)
    }
  }
  const back = async (world: ServicesWorld, { seat, forMs }: Outage): Promise<void> => {
    await world.simulation.sleep(forMs)
    if (world.life(seat) === undefined) await world.startEdge(seat)
  }
  return {
    crash_edge: act('crash_edge', async (world, args) => {
      world.crashEdge(args.seat)
      await back(world, args)
    }),
    close_edge: act('close_edge', async (world, args) => {
      await outside(() => world.closeEdge(args.seat))
      await back(world, args)
    }),
    pause_edge: act('pause_edge', async (world, { seat, forMs }) => {
      const life = world.life(seat)!
      const place = world.edge(seat)
      life.isPaused = true
      place.pause()
      await world.simulation.sleep(forMs)
      place.resume()
      life.isPaused = false
    }),
    cut_edge: act('cut_edge', async (world, { seat, forMs }) => {
      const { network } = world.simulation
      const hosts = world.simulation.nodes.map(({ host }) => host)
      const { host } = world.edge(seat)
      for (const each of hosts) network.partition(host, each)
      await world.simulation.sleep(forMs)
      for (const each of hosts) network.heal(host, each)
    }),
  }
}

function outage([who, forMs]: readonly number[]): Outage {
  return { seat: MEMBERS + (who! % (SEATS - MEMBERS)), forMs: 100 + Math.round(forMs! * 0.6) }
}
