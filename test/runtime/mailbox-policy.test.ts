import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import {
  inspectChannels,
  ItemKind,
  Message,
  resumeProcess,
  suspendProcess,
} from '../../runtime/index.ts'
import { createWorld, inProcess } from './world.ts'
import type { World } from './world.ts'
import type { Call, MailboxPolicy, Pid, Process, StartOptions } from '../../runtime/index.ts'

interface Full {
  readonly process: Process
  /** Inputs and messages in the order in which they were handled. */
  readonly seen: unknown[]
  /** Lets the handler go that holds the process. */
  release(): void
}

/** A busy process with room for two messages and `1`, `2` queued. */
async function full(w: World, options: StartOptions): Promise<Full> {
  const seen: unknown[] = []
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const process = w.system.start(
    {
      label: 'full',
      handle: (_process, item: Message | Call) => {
        if (item.kind === ItemKind.call) {
          seen.push(item.input)
          item.reply(item.input)
        } else if (item.kind <= ItemKind.timer) seen.push(item.value)
        else if (item.kind !== ItemKind.init) seen.push(item.kind)
        return item.kind === ItemKind.init ? held : undefined
      },
    },
    { mailboxMessagesMax: 2, initArg: undefined, trapExit: true, ...options },
  )
  await w.clock.settle()
  w.system.cast(process.pid, 'c', 1)
  w.system.cast(process.pid, 'c', 2)
  return { process, seen, release }
}

const dropped = (w: World): [number, number, number] => {
  const { messagesDroppedMailboxFull, messagesEvicted, callsRefused } = w.system.stats()
  return [messagesDroppedMailboxFull, messagesEvicted, callsRefused]
}

/** Sends one more of `kind` and says how the sender was told. */
async function oneMore(w: World, pid: Pid, kind: string): Promise<unknown> {
  if (kind === 'cast') return w.system.cast(pid, 'c', 3)
  if (kind === 'send') return w.system.send(pid, 3)
  if (kind === 'timer') {
    w.system.startTimer(1, pid, 3)
    return await w.clock.advance(1)
  }
  const result = w.system.call(pid, 'c', 3).catch((error: unknown) => (error as Error).message)
  await w.clock.settle()
  return await Promise.race([result, Promise.resolve('accepted')])
}

describe('a mailbox at its limit', () => {
  it.each(['reject', 'drop_oldest', 'drop_newest'] as const)(
    '%s takes exactly mailboxMessagesMax messages',
    async (mailboxPolicy) => {
      const w = createWorld()
      const { seen, release } = await full(w, { mailboxPolicy })
      expect(dropped(w)).toEqual([0, 0, 0])
      release()
      await w.clock.settle()
      expect(seen).toEqual([1, 2])
    },
  )

  const refused = expect.stringContaining('was refused: 2 messages are queued') as unknown

  it.each<[MailboxPolicy, string, unknown, unknown[], [number, number, number]]>([
    ['reject', 'cast', false, [1, 2], [1, 0, 0]],
    ['reject', 'send', undefined, [1, 2], [1, 0, 0]],
    ['reject', 'timer', undefined, [1, 2], [1, 0, 0]],
    ['reject', 'call', refused, [1, 2], [0, 0, 1]],
    ['drop_oldest', 'cast', true, [2, 3], [0, 1, 0]],
    ['drop_oldest', 'send', undefined, [2, 3], [0, 1, 0]],
    ['drop_oldest', 'timer', undefined, [2, 3], [0, 1, 0]],
    ['drop_oldest', 'call', 'accepted', [2, 3], [0, 1, 0]],
    ['drop_newest', 'cast', true, [1, 2], [1, 0, 0]],
    ['drop_newest', 'send', undefined, [1, 2], [1, 0, 0]],
    ['drop_newest', 'timer', undefined, [1, 2], [1, 0, 0]],
    ['drop_newest', 'call', refused, [1, 2], [0, 0, 1]],
  ])('%s meets one more %s', async (mailboxPolicy, kind, told, handled, counted) => {
    const w = createWorld()
    const { process, seen, release } = await full(w, { mailboxPolicy })
    expect(await oneMore(w, process.pid, kind)).toEqual(told)
    expect(process.mailboxLength).toBe(2)
    expect(dropped(w)).toEqual(counted)
    release()
    await w.clock.settle()
    expect(seen).toEqual(handled)
  })

  it.each(['reject', 'drop_oldest', 'drop_newest'] as const)(
    '%s never refuses or drops a signal',
    async (mailboxPolicy) => {
      const w = createWorld()
      const { process, seen, release } = await full(w, { mailboxPolicy })
      const peer = w.system.spawn((ctx) => ctx.receive())
      w.system.monitor(process.pid, peer)
      w.system.exit(process.pid, 'x')
      w.system.exit(peer, 'kill')
      process.post(new Message(ItemKind.timeout, undefined, 't'))
      expect(dropped(w)).toEqual([0, 0, 0])
      w.system.cast(process.pid, 'c', 3)
      release()
      await w.clock.settle()
      const signals = [ItemKind.exit, ItemKind.down, ItemKind.timeout]
      expect(seen).toEqual(
        mailboxPolicy === 'drop_oldest' ? [2, ...signals, 3] : [1, 2, ...signals],
      )
    },
  )

  it.each(['reject', 'drop_oldest', 'drop_newest'] as const)(
    '%s does the same while the process is suspended',
    async (mailboxPolicy) => {
      const w = createWorld()
      const { process, seen, release } = await full(w, { mailboxPolicy })
      release()
      await w.clock.settle()
      await suspendProcess(process)
      const told = [1, 2, 3].map((n) => w.system.cast(process.pid, 'c', n))
      expect(told).toEqual([true, true, mailboxPolicy !== 'reject'])
      await resumeProcess(process)
      await w.clock.settle()
      expect(seen.slice(2)).toEqual(mailboxPolicy === 'drop_oldest' ? [2, 3] : [1, 2])
    },
  )

  it('drop_oldest tells the caller of a call that it let go', async () => {
    const w = createWorld()
    const { process, release, seen } = await full(w, { mailboxPolicy: 'drop_oldest' })
    const first = w.system.call(process.pid, 'first', 3)
    const second = w.system.call(process.pid, 'second', 4)
    const third = w.system.call(process.pid, 'third', 5)
    await expect(first).rejects.toMatchObject({ code: 'ERR_MAILBOX_FULL', request: 'first' })
    release()
    expect(await Promise.all([second, third])).toEqual([4, 5])
    expect(seen).toEqual([4, 5])
    expect(w.system.stats().callsPending).toBe(0)
  })

  it('drop_oldest counts nothing when the oldest is a call that was given up', async () => {
    const w = createWorld()
    const { process, release, seen } = await full(w, { mailboxPolicy: 'drop_oldest' })
    w.system.cast(process.pid, 'c', 3)
    const given = w.system.call(process.pid, 'c', 4, { timeoutMs: 1 }).catch(() => 'given up')
    w.system.cast(process.pid, 'c', 5)
    expect(dropped(w)[1]).toBe(3)
    await w.clock.advance(1)
    expect(await given).toBe('given up')
    w.system.cast(process.pid, 'c', 6)
    expect(dropped(w)[1]).toBe(3)
    release()
    await w.clock.settle()
    expect(seen).toEqual([5, 6])
  })

  it('drop_oldest takes what a selective receive has skipped first', async () => {
    const w = createWorld()
    const { system } = w
    const got: unknown[] = []
    const pid = system.spawn(
      async (ctx) => {
        await ctx.receive((m) => m === 'go')
        for (;;) got.push(await ctx.receive())
      },
      { mailboxMessagesMax: 2, mailboxPolicy: 'drop_oldest' },
    )
    await w.clock.settle()
    system.send(pid, 1)
    system.send(pid, 2)
    await w.clock.settle()
    expect(system.process(pid)?.mailboxLength).toBe(2)
    system.send(pid, 3)
    await w.clock.settle()
    system.send(pid, 'go')
    await w.clock.settle()
    expect(got).toEqual([3])
    expect(dropped(w)).toEqual([0, 2, 0])
  })

  it.each(['reject', 'drop_newest'] as const)(
    '%s counts what a selective receive has skipped',
    async (mailboxPolicy) => {
      const w = createWorld()
      const pid = w.system.spawn((ctx) => ctx.receive((m) => m === 'go'), {
        mailboxMessagesMax: 2,
        mailboxPolicy,
      })
      await w.clock.settle()
      w.system.send(pid, 1)
      w.system.send(pid, 2)
      await w.clock.settle()
      w.system.send(pid, 'go')
      await w.clock.settle()
      expect(w.system.isAlive(pid)).toBe(true)
      expect(dropped(w)).toEqual([1, 0, 0])
    },
  )

  it('drop_oldest takes nothing out of a queue that a match looks through', async () => {
    const w = createWorld()
    const got = await inProcess(
      w.system,
      async (ctx) => {
        ctx.send(ctx.self, 1)
        ctx.send(ctx.self, 2)
        const look = (): boolean => {
          ctx.send(ctx.self, 3)
          return false
        }
        await ctx.receive(look, { timeoutMs: 0 }).catch(() => undefined)
        return [await ctx.receive(), await ctx.receive(), ...dropped(w)]
      },
      { mailboxMessagesMax: 2, mailboxPolicy: 'drop_oldest' },
    )
    expect(got).toEqual([1, 2, 2, 0, 0])
  })

  it('tells the channel of dropped messages what happened', async () => {
    const w = createWorld()
    const seen: unknown[] = []
    const onMessage = (message: unknown): void => void seen.push(message)
    const oldest = await full(w, { mailboxPolicy: 'drop_oldest' })
    const newest = await full(w, { mailboxPolicy: 'drop_newest' })
    subscribe(inspectChannels.messageDropped, onMessage)
    w.system.cast(oldest.process.pid, 'new', 3)
    w.system.cast(newest.process.pid, 'new', 3)
    unsubscribe(inspectChannels.messageDropped, onMessage)
    expect(seen).toEqual([
      { to: oldest.process.pid, kind: 'cast', name: 'c', reason: 'evicted' },
      { to: newest.process.pid, kind: 'cast', name: 'new', reason: 'mailbox_full' },
    ])
  })

  it('has the policy of its system unless it is started with another', async () => {
    const w = createWorld({ mailboxPolicy: 'drop_newest' })
    const system = await full(w, {})
    const own = await full(w, { mailboxPolicy: 'reject' })
    expect(w.system.cast(system.process.pid, 'c', 3)).toBe(true)
    expect(w.system.cast(own.process.pid, 'c', 3)).toBe(false)
    expect(() => createWorld({ mailboxPolicy: 'drop' as 'reject' })).toThrow(/mailboxPolicy/)
    expect(() => w.system.spawn(() => {}, { mailboxPolicy: 'drop' as 'reject' })).toThrow(
      /'mailboxPolicy' must be/,
    )
  })
})
