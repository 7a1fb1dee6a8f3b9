/** That the accounting of the soak notices what it is there for: each case is a small story with one thing wrong. */
import { describe, expect, it } from 'vitest'
import { planFaults } from './fault-plan.ts'
import type { Entry, Line } from './journal.ts'
import { checkAsks, checkCalls, checkCasts, checkSpawns } from './ledger.ts'
import { checkHolders } from './ledger-holders.ts'
import { checkLosses } from './ledger-losses.ts'
import { checkStalls, checkStarts } from './ledger-time.ts'
import type { Findings, Run } from './run.ts'

const SECOND_US = 1_000_000
const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

/** A run that writes one thing per second. */
function run(name: string, entries: readonly Entry[], given: Partial<Run> = {}): Run {
  const lines = entries.map((entry, at): Line => ({ ...entry, atUs: (at + 1) * SECOND_US }))
  const key = name.startsWith('a') ? A : B
  return {
    ...{ run: name, key, startedUs: 0, endedUs: 1_000 * SECOND_US, pauses: [], lines },
    fate: 'rested',
    ...given,
  }
}

const losses = (runs: readonly Run[]): Findings => checkLosses(runs, SECOND_US / 2)
const calls = (runs: readonly Run[]): Findings => checkCalls(runs, 5_000)
const call: Entry = { kind: 'call', n: 1, key: B }
const answer: Entry = { kind: 'answer', n: 1, value: 2 }
const failed = (code: string): Entry => ({ kind: 'answer', n: 1, code })
const executed: Entry = { kind: 'executed', from: 'a.1', n: 1 }
const watch = (epoch: number): Entry => ({ kind: 'watch', key: B, epoch })
const cast = (epoch: number, n: number): Entry => ({ kind: 'cast', key: B, epoch, n })
const down = (epoch: number, reason = 'noconnection'): Entry => ({
  kind: 'down',
  key: B,
  epoch,
  reason,
})
const got = (epoch: number, n: number): Entry => ({ kind: 'got', from: 'a.1', epoch, n })
const held = (token: number): Entry => ({ kind: 'held', what: 'x', token })
const act = (token: number): Entry => ({ kind: 'act', what: 'x', token })
const left = (token: number): Entry => ({ kind: 'left', what: 'x', token })
/** Lines with times of their own, in seconds; a stall ends at its time. */
const lines = (...given: readonly (readonly [number, Entry])[]): Line[] =>
  given.map(([at, entry]) => ({ ...entry, atUs: at * SECOND_US }))
const stall = (from: number, cpu = 0): Entry => ({
  kind: 'stall',
  fromUs: from * SECOND_US,
  cpuUs: cpu * SECOND_US,
})
const unstarted = (reason: string): Entry => ({ kind: 'unstarted', sinceUs: 0, reason })
const spawn: Entry = { kind: 'spawn', id: 's', key: B }
const spawned: Entry = { kind: 'spawned', id: 's' }
const born: Entry = { kind: 'born', id: 's' }
const died: Entry = { kind: 'died', id: 's', reason: 'reason-1' }
const mourned = (reason: string): Entry => ({ kind: 'mourned', id: 's', reason })

interface Story {
  readonly name: string
  readonly check: (runs: readonly Run[]) => Findings
  readonly runs: readonly Run[]
  /** A word of the fault; none if all is well. */
  readonly fault?: string
}

const STORIES: readonly Story[] = [
  {
    name: 'an answered call',
    check: calls,
    runs: [run('a.1', [call, answer]), run('b.1', [executed])],
  },
  {
    ...{ name: 'a call that was executed twice', check: calls, fault: 'executed 2 times' },
    runs: [run('a.1', [call, answer]), run('b.1', [executed, executed])],
  },
  {
    ...{
      name: 'a call that failed and was executed twice',
      check: calls,
      fault: 'executed 2 times',
    },
    runs: [run('a.1', [call, failed('ERR_CALL_TIMEOUT')]), run('b.1', [executed, executed])],
  },
  {
    ...{
      name: 'a call of nobody there that was executed',
      check: calls,
      fault: 'executed 1 times',
    },
    runs: [run('a.1', [call, failed('ERR_CALL_EXIT noproc')]), run('b.1', [executed])],
  },
  {
    ...{ name: 'an answer without execution', check: calls, fault: 'executed 0 times' },
    runs: [run('a.1', [call, answer])],
  },
  {
    ...{ name: 'a wrong answer', check: calls, fault: 'was answered 3' },
    runs: [run('a.1', [call, { kind: 'answer', n: 1, value: 3 }]), run('b.1', [executed])],
  },
  { name: 'a call without end', check: calls, runs: [run('a.1', [call])], fault: 'never ended' },
  {
    name: 'a call of one that was killed',
    check: calls,
    runs: [run('a.1', [call], { fate: 'killed' })],
  },
  {
    ...{ name: 'a call that ended twice', check: calls, fault: 'ended twice' },
    runs: [run('a.1', [call, answer, answer]), run('b.1', [executed])],
  },
  {
    ...{ name: 'a call that ended late', check: calls, fault: 'ended 6000 ms late' },
    runs: [run('a.1', [call, ...new Array<Entry>(10).fill(held(1)), failed('ERR_CALL_TIMEOUT')])],
  },
  {
    ...{ name: 'a call that ended late because its process stood still', check: calls },
    runs: [
      run('a.1', [call, ...new Array<Entry>(10).fill(held(1)), failed('ERR_CALL_TIMEOUT')], {
        pauses: [{ fromUs: 5 * SECOND_US, toUs: 11.5 * SECOND_US }],
      }),
    ],
  },
  {
    ...{ name: 'a call that ended late because its process had no processor', check: calls },
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [11, stall(5.5)], [11.9, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a call that was begun while its process had no processor', check: calls },
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [7, stall(0.5)], [12.5, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    // The beat that would have told was still to come.
    ...{ name: 'a call that was begun just before its process had no processor', check: calls },
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [9, stall(1.1)], [13, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a call that was begun well before that', check: calls },
    fault: 'ended 4100 ms late',
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [9, stall(1.101)], [13.1, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a call that ended later than its process had no processor', check: calls },
    fault: 'ended 1100 ms late',
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [11, stall(6)], [12.1, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a call that ended late, and a stall before it was due', check: calls },
    fault: 'ended 1100 ms late',
    runs: [
      run('a.1', [], {
        lines: lines([1, call], [6, stall(2)], [7.1, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a stall that is a pause as well is counted once', check: calls },
    fault: 'ended 1100 ms late',
    runs: [
      run('a.1', [], {
        pauses: [{ fromUs: 6 * SECOND_US, toUs: 9 * SECOND_US }],
        lines: lines([1, call], [9, stall(6)], [10.1, failed('ERR_CALL_TIMEOUT')]),
      }),
    ],
  },
  {
    ...{ name: 'a process without a processor', check: checkStalls },
    runs: [run('a.1', [], { lines: lines([9, stall(1, 1)]) })],
  },
  {
    ...{ name: 'a process that kept its event loop from its timers', check: checkStalls },
    fault: 'was at work at 9000000 without a look',
    runs: [run('a.1', [], { lines: lines([9, stall(1, 1.1)]) })],
  },
  {
    ...{ name: 'a node that had no time to start', check: checkStarts },
    runs: [
      run('a.1', [], { lines: lines([4, stall(1.5)], [6, unstarted('the endpoint: timeout')]) }),
    ],
  },
  {
    ...{ name: 'a node that had the time to start', check: checkStarts, fault: 'did not start' },
    runs: [run('a.1', [], { lines: lines([4, stall(1.6)], [6, unstarted('timeout')]) })],
  },
  {
    ...{ name: 'a node that did not start for another reason', check: checkStarts },
    fault: 'did not start for EADDRINUSE',
    runs: [run('a.1', [], { lines: lines([4, stall(1)], [6, unstarted('EADDRINUSE')]) })],
  },
  {
    ...{ name: 'a failure without a known code', check: calls, fault: 'ended with ERR_INVARIANT' },
    runs: [run('a.1', [call, failed('ERR_INVARIANT')])],
  },
  {
    name: 'an execution of no call',
    check: calls,
    runs: [run('b.1', [executed])],
    fault: 'never made',
  },
  {
    ...{ name: 'casts that all arrive', check: checkCasts },
    runs: [run('a.1', [watch(1), cast(1, 2)]), run('b.1', [got(1, 1), got(1, 2)])],
  },
  {
    ...{ name: 'a lost cast that nobody was told of', check: checkCasts, fault: '1 of 2 arrived' },
    runs: [run('a.1', [watch(1), cast(1, 2)]), run('b.1', [got(1, 1)])],
  },
  {
    ...{ name: 'a lost cast before a DOWN', check: checkCasts },
    runs: [run('a.1', [watch(1), cast(1, 2), down(1)]), run('b.1', [got(1, 1)])],
  },
  {
    ...{ name: 'a gap', check: checkCasts, fault: 'cast 2 is missing before 3' },
    runs: [run('a.1', [watch(1), cast(1, 3), down(1)]), run('b.1', [got(1, 1), got(1, 3)])],
  },
  {
    ...{ name: 'a cast that arrived twice', check: checkCasts, fault: 'got cast 1 of epoch 1' },
    runs: [run('a.1', [watch(1), cast(1, 1)]), run('b.1', [got(1, 1), got(1, 1)])],
  },
  {
    ...{ name: 'a cast from before the DOWN that came after one of later', check: checkCasts },
    ...{ fault: 'got cast 1 of epoch 1 of a.1 after' },
    runs: [
      run('a.1', [watch(1), cast(1, 1), down(1), watch(2), cast(2, 1)]),
      run('b.1', [got(2, 1), got(1, 1)]),
    ],
  },
  {
    ...{
      name: 'an epoch that goes on at the next start',
      check: checkCasts,
      fault: 'at two starts',
    },
    runs: [
      run('a.1', [watch(1), cast(1, 2), down(1)]),
      run('b.1', [got(1, 1)], { fate: 'killed' }),
      run('b.2', [got(1, 2)]),
    ],
  },
  {
    ...{ name: 'a death that no monitor told of', check: checkCasts, fault: 'no DOWN came' },
    runs: [run('a.1', [watch(1), cast(1, 1)]), run('b.1', [got(1, 1)], { fate: 'killed' })],
  },
  {
    ...{ name: 'a monitor that fired twice', check: checkCasts, fault: 'fired twice' },
    runs: [run('a.1', [watch(1), down(1), down(1)]), run('b.1', [])],
  },
  {
    ...{ name: 'a spawn', check: checkSpawns },
    runs: [run('a.1', [spawn, spawned, mourned('reason-1')]), run('b.1', [born, died])],
  },
  {
    ...{ name: 'a false reason', check: checkSpawns, fault: 'mourned for reason-2' },
    runs: [run('a.1', [spawn, spawned, mourned('reason-2')]), run('b.1', [born, died])],
  },
  {
    ...{ name: 'a death in silence', check: checkSpawns, fault: 'never mourned' },
    runs: [run('a.1', [spawn, spawned]), run('b.1', [born, died])],
  },
  {
    ...{ name: 'one born twice', check: checkSpawns, fault: 'born 2 times' },
    runs: [run('a.1', [spawn, spawned, mourned('reason-1')]), run('b.1', [born, born, died])],
  },
  {
    ...{ name: 'holders one after another', check: (runs) => checkHolders(runs, 'x') },
    runs: [
      run('a.1', [held(1), act(1), left(1)]),
      run('b.1', [left(0), left(0), left(0), held(2)]),
    ],
  },
  {
    ...{
      name: 'two holders',
      check: (runs) => checkHolders(runs, 'x'),
      fault: 'began at b.1 while a.1',
    },
    runs: [run('a.1', [held(1), act(1), act(1), left(1)]), run('b.1', [left(0), held(2), act(2)])],
  },
  {
    ...{ name: 'an old token', check: (runs) => checkHolders(runs, 'x'), fault: 'after token 2' },
    runs: [run('a.1', [held(1), act(1), act(1)]), run('b.1', [left(0), act(2)])],
  },
  {
    ...{ name: 'an old token of one that stood still', check: (runs) => checkHolders(runs, 'x') },
    runs: [
      run('a.1', [held(1), act(1), act(1)], {
        pauses: [{ fromUs: 1.5 * SECOND_US, toUs: 2.9 * SECOND_US }],
      }),
      run('b.1', [left(0), held(2), act(2)]),
    ],
  },
  {
    ...{
      name: 'the same of one that got no time for long',
      check: (runs) => checkHolders(runs, 'x'),
    },
    runs: [
      run('a.1', [], {
        pauses: [{ fromUs: 1.5 * SECOND_US, toUs: 2.9 * SECOND_US }],
        lines: lines([1, held(1)], [6, act(1)], [6.1, stall(1.6)]),
      }),
      run('b.1', [left(0), held(2), act(2)]),
    ],
  },
  {
    ...{ name: 'an old token of one that went on long ago', fault: 'after token 2' },
    check: (runs) => checkHolders(runs, 'x'),
    runs: [
      run('a.1', [], {
        pauses: [{ fromUs: 1.5 * SECOND_US, toUs: 2.9 * SECOND_US }],
        lines: lines([1, held(1)], [6, act(1)], [6, stall(1.6)], [7.1, act(1)]),
      }),
      run('b.1', [left(0), held(2), act(2)]),
    ],
  },
  {
    ...{ name: 'an old token of one that stood still for less than a lease bears' },
    ...{ check: (runs) => checkHolders(runs, 'x'), fault: 'after token 2' },
    runs: [
      run('a.1', [], { lines: lines([1, held(1)], [3.1, act(1)], [3.1, stall(2.6)]) }),
      run('b.1', [left(0), held(2), act(2)]),
    ],
  },
  {
    ...{ name: 'the same of one that looked', fault: 'after token 2' },
    check: (runs) => checkHolders(runs, 'x', true),
    runs: [
      run('a.1', [held(1), act(1), act(1)], {
        pauses: [{ fromUs: 1.5 * SECOND_US, toUs: 2.9 * SECOND_US }],
      }),
      run('b.1', [left(0), held(2), act(2)]),
    ],
  },
  {
    ...{
      name: 'one token of two',
      check: (runs) => checkHolders(runs, 'x'),
      fault: 'have token 1',
    },
    runs: [run('a.1', [held(1)], { endedUs: 1.1 * SECOND_US }), run('b.1', [left(0), held(1)])],
  },
  {
    ...{ name: 'a lost connection after a kill', check: checkLosses },
    runs: [run('a.1', [watch(1), down(1)]), run('b.1', [], { fate: 'killed', endedUs: SECOND_US })],
  },
  {
    ...{ name: 'a lost connection after the stop in the end', check: checkLosses },
    runs: [run('a.1', [watch(1), down(1)]), run('b.1', [], { endedUs: SECOND_US })],
  },
  {
    ...{ name: 'a lost connection to one that is away', check: losses },
    runs: [
      ...[run('a.1', [watch(1), down(1)]), run('b.1', [], { endedUs: SECOND_US / 4 })],
      run('b.2', [], { startedUs: SECOND_US, lines: [{ ...executed, atUs: 3 * SECOND_US }] }),
    ],
  },
  {
    ...{ name: 'a lost connection of one that got no time', check: losses },
    runs: [
      run('a.1', [], {
        lines: lines([1, watch(1)], [2.5, stall(1.4)], [3, down(1)]),
      }),
      run('b.1', []),
    ],
  },
  {
    ...{ name: 'a lost connection of one that got no time for a moment', check: losses },
    fault: 'without a cause',
    runs: [
      run('a.1', [], { lines: lines([1, watch(1)], [2.5, stall(1.6)], [3, down(1)]) }),
      run('b.1', []),
    ],
  },
  {
    ...{ name: 'a lost connection for nothing', fault: 'without a cause', check: losses },
    runs: [run('a.1', [watch(1), down(1)]), run('b.1', [])],
  },
  {
    ...{
      name: 'a request that never ends',
      check: (runs) => checkAsks(runs, /x/),
      fault: 'never ended',
    },
    runs: [run('a.1', [{ kind: 'ask', what: 'name', n: 1 }])],
  },
]

describe('the ledger of the soak', () => {
  it.each(STORIES)('$name: $fault', ({ check, runs, fault }) => {
    const { faults } = check(runs)
    if (fault === undefined) expect(faults).toEqual([])
    else expect(faults.join('\n')).toContain(fault)
  })

  it('draws the same plan from a seed, and no two faults of one process at once', () => {
    const plan = planFaults(3, 5, 600_000)
    expect(planFaults(3, 5, 600_000)).toEqual(plan)
    expect(new Set(plan.map(({ kind }) => kind)).size).toBe(3)
    for (const [at, { process, untilMs }] of plan.entries()) {
      const next = plan.slice(at + 1).find((fault) => fault.process === process)
      expect(next?.atMs ?? Infinity).toBeGreaterThan(untilMs)
    }
  })
})
