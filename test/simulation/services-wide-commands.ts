/** Commands of wide worlds: groups, last values, calls to all providers and calls with every strategy. */
import type { RpcCallOptions } from '../../mesh/index.ts'
import { MANNERS, of, repeated } from './services-arguments.ts'
import type { Act, Action, Repeat, Repeated, Who } from './services-arguments.ts'
import type { Manner } from './services-calls.ts'
import { GROUPS, JOBS, LAST, PROCEDURES, SEATS } from './services-world.ts'

const STRATEGIES: readonly Pick<RpcCallOptions, 'strategy' | 'key' | 'hedge'>[] = [
  ...(
    ['first', 'random', 'round_robin', 'least_outstanding', 'local_first', 'closest'] as const
  ).map((strategy) => ({ strategy })),
  { strategy: 'consistent_hash', key: 'any' },
  { hedge: { delayMs: 100 } },
]
const JOB_TOPICS = ['jobs.a', 'jobs.b', 'news.a']
const JOB_FILTERS = ['jobs.a', JOBS, '**']
const LAST_FILTERS = [LAST, '**', 'last.1', 'last.4']

/** How numbers become arguments. */
export const WIDE_COMMANDS: Readonly<Record<string, (numbers: readonly number[]) => unknown>> = {
  join: ([who, filter, group]) => ({
    who: who! % SEATS,
    filter: of(JOB_FILTERS, filter),
    group: of(GROUPS, group),
  }),
  job: (numbers) => ({ ...repeated(numbers), qos: numbers[3]! % 4 === 0 ? 0 : 1 }),
  jobs: (numbers) => ({ ...repeated(numbers), qos: 1 }),
  retain: (numbers) => ({ ...repeated(numbers), qos: numbers[3]! % 4 === 0 ? 0 : 1 }),
  late: ([who, filter]) => ({ who: who! % SEATS, filter: of(LAST_FILTERS, filter) }),
  many: (numbers) => ({ ...repeated(numbers), isSlow: numbers[3]! % 2 === 0 }),
  chosen: (numbers) => ({
    ...repeated(numbers),
    manner: of(MANNERS, numbers[3]),
    strategy: numbers[3]! % STRATEGIES.length,
  }),
}

/** The topic of last values that a seat has. */
export function lastOf(seat: number): string {
  return `last.${seat + 1}`
}

/** How each is carried out. */
export function wideActions(act: Act, repeat: Repeat): Readonly<Record<string, Action>> {
  const job = repeat<Repeated & { readonly qos: 0 | 1 }>('job', (world, life, { qos }, i) => {
    world.watch(world.topics.publish(life, of(JOB_TOPICS, i), { qos }))
  })
  return {
    ...{ job, jobs: job },
    join: act<Who & { readonly filter: string; readonly group: string }>(
      'join',
      (world, life, { filter, group }) => void world.subscribe(life, filter, group),
    ),
    retain: repeat<Repeated & { readonly qos: 0 | 1 }>('retain', (world, life, { qos }, i) => {
      const retain = i % 4 === 3 ? 'end' : 'value'
      world.watch(world.topics.publish(life, lastOf(life.seat), { qos, retain }))
    }),
    late: act<Who & { readonly filter: string }>(
      'late',
      (world, life, { filter }) => void world.subscribe(life, filter),
    ),
    many: repeat<Repeated & { readonly isSlow: boolean }>('many', (world, life, args, i) => {
      world.watch(world.calls.many.ask(life, of(PROCEDURES, i), args.isSlow))
    }),
    chosen: repeat<Repeated & { readonly manner: Manner; readonly strategy: number }>(
      'chosen',
      (world, life, { manner, strategy }, i) => {
        const how = STRATEGIES[strategy]!
        const mayRepeat = how.hedge !== undefined
        world.watch(world.calls.call(life, of(PROCEDURES, i), manner, mayRepeat, how))
      },
    ),
  }
}
