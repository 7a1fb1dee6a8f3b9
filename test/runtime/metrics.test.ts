import { expect, it } from 'vitest'
import { exit } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'

it('counts what happened and what is there', async () => {
  const { clock, system } = createWorld()
  const pid = idle(system, { name: 'n' })
  system.spawn(() => exit('boom'))
  await clock.settle()
  const delivered = system.stats().messagesDelivered
  for (let i = 0; i < 10; i++) system.cast(pid, 'x', i)
  system.sendAfter(100, pid, 'm')
  system.monitor(pid, idle(system))
  expect(system.stats().runQueue).toBe(2)
  await clock.settle()
  expect(system.stats()).toEqual({
    processes: 2,
    processesStarted: 3,
    processesEnded: 1,
    processesCrashed: 1,
    messagesDelivered: delivered + 11,
    messagesDroppedNoproc: 0,
    messagesDroppedMailboxFull: 0,
    messagesDroppedNoconnection: 0,
    messagesEvicted: 0,
    callsPending: 0,
    callsTimedOut: 0,
    callsRefused: 0,
    callCycles: 0,
    rejectionsCaptured: 0,
    handlersLong: 0,
    timers: 1,
    names: 1,
    tables: 0,
    tableInsertsRefused: 0,
    monitors: 1,
    runQueue: 0,
    turns: expect.any(Number),
  })
})
