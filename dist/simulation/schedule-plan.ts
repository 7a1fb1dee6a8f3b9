/**
 * Schedules made of plain numbers: what may happen in a run, and how numbers choose from it. Small numbers make
 * early, short and simple entries, so whoever shrinks numbers (fast-check, say) shrinks schedules:
 *
 *     fc.array(fc.array(fc.nat(9_999), { maxLength: 6 }), { maxLength: 5 }).map(scheduleFrom(plan))
 */
import {
  numberOption,
  resolveOptions,
  type Entropy,
  type OptionCheck,
} from '../../runtime/index.ts'
import { objectOption } from '../../runtime/index.ts'
import type { Command, Fault, Schedule } from './fault.ts'

/** What may happen in a run. */
export interface SchedulePlan {
  /** Faults that may happen. Default: all but `restart`; an empty list for none. */
  readonly faults?: readonly Fault['type'][]
  /** Commands that may be given, each with the way from some whole numbers to its arguments. */
  readonly commands?: Readonly<Record<string, (numbers: readonly number[]) => unknown>>
  /** Entries of a schedule. Default 6. More find more and take longer to make small. */
  readonly countMax?: number
  /** All of it begins within this time after the start of `run`. Milliseconds, default 10,000. */
  readonly withinMs?: number
  /** Longest time that a fault lasts. Milliseconds, default 5,000. */
  readonly durationMsMax?: number
}

/** Numbers up to this one less choose; larger ones are taken modulo. */
const CHOICES = 10_000
/** Numbers that an entry uses before the arguments of a command. */
const OWN_NUMBERS = 6
const ARGUMENT_NUMBERS = 4

const FAULT_TYPES: readonly Fault['type'][] = Object.freeze([
  ...(['crash', 'pause', 'partition', 'cut', 'conditions', 'clock_jump'] as const),
])

const DEFAULTS: Required<SchedulePlan> = Object.freeze({
  faults: FAULT_TYPES,
  commands: Object.freeze({}),
  countMax: 6,
  withinMs: 10_000,
  durationMsMax: 5_000,
})

const CHECKS: { readonly [K in keyof SchedulePlan]-?: OptionCheck } = {
  faults: {
    expected: 'a list of types of faults',
    test: (value) =>
      Array.isArray(value) &&
      value.every((type) => type === 'restart' || FAULT_TYPES.includes(type as Fault['type'])),
  },
  commands: objectOption,
  countMax: numberOption(0, 10_000),
  withinMs: numberOption(0, 2 ** 40),
  durationMsMax: numberOption(1, 2 ** 40),
}

/**
 * Makes schedules of lists of numbers, one list per entry, for a cluster of `nodes` nodes.
 *
 * @example
 * const toSchedule = scheduleFrom(3, { faults: ['crash'], withinMs: 1_000 })
 * toSchedule([[0, 5_000, 2]]).faults // [{ type: 'crash', node: 2, atMs: 500, downMs: 1 }]
 */
export function scheduleFrom(
  nodes: number,
  plan: SchedulePlan = {},
): (entries: readonly (readonly number[])[]) => Schedule {
  const resolved = resolveOptions('scheduleFrom', DEFAULTS, CHECKS, plan)
  const names = Object.keys(resolved.commands)
  const kinds = [...resolved.faults, ...names]
  return (entries) => {
    const faults: Fault[] = []
    const commands: Command[] = []
    for (const numbers of kinds.length === 0 ? [] : entries) {
      const which = at(numbers, 0) % kinds.length
      const atMs = Math.round((resolved.withinMs * at(numbers, 1)) / CHOICES)
      const type = resolved.faults[which]
      if (type !== undefined) faults.push(faultOf(type, atMs, nodes, numbers, resolved))
      else {
        const name = kinds[which]!
        commands.push({ atMs, name, args: resolved.commands[name]!(numbers.slice(2)) })
      }
    }
    return { faults, commands }
  }
}

/** The schedule that `entropy` draws. */
export function drawSchedule(nodes: number, plan: SchedulePlan, entropy: Entropy): Schedule {
  const { countMax = DEFAULTS.countMax } = plan
  const nat = (): number => Math.floor(entropy.random() * CHOICES)
  const count = Math.floor(entropy.random() * (countMax + 1))
  const entry = (): number[] => Array.from({ length: OWN_NUMBERS + ARGUMENT_NUMBERS }, nat)
  return scheduleFrom(nodes, plan)(Array.from({ length: count }, entry))
}

/** A whole number below {@link CHOICES}; 0 where there is none. */
function at(numbers: readonly number[], index: number): number {
  return Math.abs(Math.trunc(numbers[index] ?? 0)) % CHOICES
}

function faultOf(
  type: Fault['type'],
  atMs: number,
  nodes: number,
  numbers: readonly number[],
  { durationMsMax }: Required<SchedulePlan>,
): Fault {
  const node = at(numbers, 2) % nodes
  const other = (node + 1 + (at(numbers, 4) % Math.max(1, nodes - 1))) % nodes
  const forMs = 1 + Math.floor((durationMsMax * at(numbers, 3)) / CHOICES)
  const level = at(numbers, 5) / CHOICES
  switch (type) {
    case 'crash': {
      const disk = level > 0.75 ? ({ disk: 'lost' } as const) : {}
      return { type, atMs, node, ...disk, downMs: forMs }
    }
    case 'restart':
      return { type, atMs, node }
    case 'pause':
      return { type, atMs, node, forMs }
    case 'clock_jump':
      return { type, atMs, node, byMs: forMs * 10, monotonic: level > 0.5 }
    case 'partition':
      return { type, atMs, groups: groupsOf(nodes, node, at(numbers, 4)), forMs }
    case 'cut':
      return { type, atMs, from: node, to: other, forMs }
    case 'conditions':
      return { type, atMs, from: node, conditions: conditionsOf(level), forMs }
  }
}

/** Two groups: every node is in that of node 0 or in that of `first`, by the bits of `bits`. */
function groupsOf(nodes: number, first: number, bits: number): number[][] {
  const apart = first === 0 ? Math.min(1, nodes - 1) : first
  const groups: number[][] = [[], []]
  for (let node = 0; node < nodes; node++) {
    const side = node === 0 ? 0 : node === apart ? 1 : (bits >> (node % 13)) & 1
    groups[side]!.push(node)
  }
  return groups
}

function conditionsOf(level: number): { lossRatio: number; jitterMs: number } {
  const lossRatio = Math.round(level * 50) / 100
  return { lossRatio, jitterMs: Math.round(level * 200) }
}
