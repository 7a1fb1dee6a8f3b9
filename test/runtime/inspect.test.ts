import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { createRealClock, createSystem, exit, inspectChannels } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'

/** What came through `channel` while `body` ran. */
async function listen(channel: string, body: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = []
  const onMessage = (message: unknown): void => void seen.push(message)
  subscribe(channel, onMessage)
  try {
    await body()
  } finally {
    unsubscribe(channel, onMessage)
  }
  return seen
}

describe('inspection channels', () => {
  it('tell of starts', async () => {
    const { system } = createWorld()
    const parent = idle(system)
    let pid: unknown
    const seen = await listen(inspectChannels.processStart, async () => {
      pid = system.start({ label: 'gen_server x/1', handle: () => {} }, { parent }).pid
      await Promise.resolve()
    })
    expect(seen).toEqual([{ pid, label: 'gen_server x/1', parent }])
  })

  it('tell of every end, and of crashes apart', async () => {
    const { clock, system } = createWorld()
    const run = async (): Promise<void> => {
      system.spawn(() => exit('shutdown'))
      system.spawn(() => exit('boom'))
      const killed = idle(system)
      await clock.settle()
      system.exit(killed, 'kill')
    }
    const reasons = (seen: unknown[]): unknown[] =>
      seen.map((event) => (event as { reason: unknown }).reason)
    expect(reasons(await listen(inspectChannels.processExit, run))).toEqual([
      'shutdown',
      'boom',
      'killed',
    ])
    expect(reasons(await listen(inspectChannels.processCrash, run))).toEqual(['boom'])
  })

  it('tell of messages that went nowhere', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const full = idle(system, { mailboxMessagesMax: 1 })
    const seen = await listen(inspectChannels.messageDropped, async () => {
      system.cast(dead, 'x', 1)
      system.send('nobody', 1)
      system.cast(full, 'fits', 1)
      system.cast(full, 'y', 1)
      system.send(system.pidFor('elsewhere', 1, 0), 1)
      await clock.settle()
    })
    expect(seen).toEqual([
      { to: dead, kind: 'cast', name: 'x', reason: 'noproc' },
      { to: 'nobody', kind: 'info', name: undefined, reason: 'noproc' },
      { to: full, kind: 'cast', name: 'y', reason: 'mailbox_full' },
      expect.objectContaining({ kind: 'info', reason: 'noconnection' }),
    ])
  })

  it('tell of handlers that hold the loop for longHandlerMs', async () => {
    const clock = createRealClock()
    await using system = createSystem({ longHandlerMs: 20 })
    const { pid } = system.start({
      label: 'long',
      handle: (_process, item) => {
        const endMs = clock.now() + (item.name === 'long' ? 25 : 0)
        while (clock.now() < endMs);
      },
    })
    const seen = await listen(inspectChannels.handlerLong, async () => {
      system.cast(pid, 'short', 1)
      system.cast(pid, 'long', 1)
      await new Promise<void>((resolve) => clock.nextTurn(resolve))
    })
    expect(seen).toEqual([
      {
        pid,
        label: 'long',
        kind: 'cast',
        name: 'long',
        tookMs: expect.any(Number),
        inFlight: false,
      },
    ])
  })
})
