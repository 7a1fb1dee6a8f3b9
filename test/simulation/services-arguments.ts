/** How numbers of a schedule become arguments of commands, and how commands are made of what participants do. */
import type { Simulation } from '../../dist/simulation/index.ts'
import type { Manner } from './services-calls.ts'
import type { Life } from './services-life.ts'
import { SEATS } from './services-world.ts'
import type { ServicesWorld } from './services-world.ts'

export const MANNERS: readonly Manner[] = ['quick', 'slow', 'throws']

/** Who does something. */
export interface Who {
  readonly who: number
}

/** Something that is done several times. */
export interface Repeated extends Who {
  readonly times: number
  readonly everyMs: number
}

/** How a command is carried out. */
export type Action = (simulation: Simulation, args: never) => unknown

/** Makes a command of what somebody does once. */
export type Act = <A extends Who>(
  what: string,
  fn: (world: ServicesWorld, life: Life, args: A) => void,
) => (simulation: Simulation, args: A) => void

/** Makes a command of what somebody does several times. */
export type Repeat = <A extends Repeated>(
  what: string,
  fn: (world: ServicesWorld, life: Life, args: A, i: number) => void,
) => (simulation: Simulation, args: A) => Promise<void>

/** Arguments of what is done several times. */
export function repeated([who, times, every]: readonly number[]): Repeated {
  return { who: who! % SEATS, times: 1 + (times! % 8), everyMs: 20 + (every! % 600) }
}

/** One of a list. */
export function of<T>(list: readonly T[], number: number | undefined): T {
  return list[(number ?? 0) % list.length]!
}
