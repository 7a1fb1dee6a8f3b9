/** The floors: a hand-made mailbox and a bare promise. */
import { FloorMailbox, sumHandlers } from '../micro/floor.ts'
import { ShiftMailbox } from '../micro/shift-mailbox.ts'
import {
  bursts,
  bytesPer,
  drained,
  pipelined,
  sequential,
  timed,
  underStorm,
  type Measures,
} from './side.ts'

const sum = new FloorMailbox(sumHandlers, 0)

/** Pairs of mailboxes that send each other one ball. */
async function storm(processes: number): Promise<number> {
  return await underStorm((goesOn) => {
    const servers: FloorMailbox<number>[] = []
    for (let i = 0; i < processes; i += 2) {
      const players: FloorMailbox<number>[] = []
      for (const peer of [1, 0]) {
        const hit = (hits: number, ball: number): number => {
          if (goesOn()) players[peer]?.cast('hit', ball + 1)
          return hits + 1
        }
        players.push(new FloorMailbox({ call: {}, cast: { hit } }, 0))
      }
      servers.push(players[0]!)
    }
    return () => {
      for (const server of servers) server.cast('hit', 0)
    }
  })
}

export const measures: Measures = {
  callSequential: sequential(() => sum.call('add', 1)),
  callPipelined: pipelined(() => sum.call('add', 1)),
  cast: bursts(
    () => sum.cast('put', 1),
    () => sum.call('total', 0),
  ),
  promise: sequential(() => Promise.resolve(1)),
  spawn: (operations) =>
    timed(operations, (n) => {
      const kept: unknown[] = []
      for (let i = 0; i < n; i++) kept.push(new FloorMailbox(sumHandlers, 0))
    }),
  idleBytes: (count) =>
    bytesPer(
      count,
      (n) => Array.from({ length: n }, () => new FloorMailbox(sumHandlers, 0)),
      () => {},
    ),
  drainShift: (queued) => {
    const mailbox = new ShiftMailbox()
    return drained(
      queued,
      (n) => {
        for (let i = 0; i < n; i++) mailbox.cast(1)
      },
      () => mailbox.drained(),
    )
  },
  drain: (queued) => {
    const mailbox = new FloorMailbox(sumHandlers, 0)
    return drained(
      queued,
      (n) => {
        for (let i = 0; i < n; i++) mailbox.cast('put', 1)
      },
      () => mailbox.call('total', 0),
    )
  },
  timer: storm,
}
