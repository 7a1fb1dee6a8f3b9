import { describe, expect, it } from 'vitest'
import { ItemKind, Message } from '../../runtime/index.ts'
import { createWorld, failure, idle, observe } from './world.ts'

describe('mailbox bound', () => {
  it('user messages are refused at mailboxMessagesMax + 1, not at mailboxMessagesMax', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 3 })
    const { pid, seen } = observe(system)
    await clock.settle()
    expect([1, 2, 3].map((input) => system.cast(pid, 'x', input))).toEqual([true, true, true])
    expect(system.cast(pid, 'x', 4)).toBe(false)
    system.send(pid, 5)
    expect(system.process(pid)!.mailboxLength).toBe(3)
    expect(system.stats().messagesDroppedMailboxFull).toBe(2)
    await clock.settle()
    expect(seen).toHaveLength(3)
    expect(system.cast(pid, 'x', 6)).toBe(true)
  })

  it('signals are never refused and never counted', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 1 })
    const { pid, seen } = observe(system, { trapExit: true })
    const target = idle(system)
    await clock.settle()
    system.monitor(pid, target)
    system.link(pid, target)
    system.send(pid, 'user message')
    for (let i = 0; i < 10; i++) system.exit(pid, i)
    system.exit(target, 'boom')
    expect(system.process(pid)!.mailboxLength).toBe(1)
    await clock.settle()
    expect(seen).toHaveLength(13)
    expect(seen[0]).toBe('user message')
  })

  it('a bound of its own beats the system', async () => {
    const { clock, system } = createWorld()
    const { pid } = observe(system, { mailboxMessagesMax: 1 })
    await clock.settle()
    expect(system.cast(pid, 'x', 1)).toBe(true)
    expect(system.cast(pid, 'x', 2)).toBe(false)
  })

  it('messages that a selective receive skipped still count', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 2 })
    const pid = system.spawn(async (context) => {
      await context.receive((value) => value === 'never')
    })
    system.send(pid, 1)
    system.send(pid, 2)
    await clock.settle()
    expect(system.process(pid)!.mailboxLength).toBe(2)
    expect(system.cast(pid, 'x', 3)).toBe(false)
  })

  it('a full mailbox refuses timers too', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 1 })
    const process = system.start({ label: 'busy', handle: () => new Promise<void>(() => {}) })
    system.send(process.pid, 'handled')
    await clock.settle()
    system.send(process.pid, 'queued')
    system.sendAfter(1, process.pid, 'dropped')
    system.startTimer(1, process.pid, 'dropped')
    await clock.advance(1)
    expect(process.mailboxLength).toBe(1)
    expect(system.stats().messagesDroppedMailboxFull).toBe(2)
  })

  it('calls that wait in a full mailbox are failed, not lost, when the process ends', async () => {
    const { system } = createWorld({ mailboxMessagesMax: 1 })
    const pid = idle(system)
    const waiting = failure(system.call(pid, 'x', 1))
    const refused = failure(system.call(pid, 'x', 2))
    system.exit(pid, 'kill')
    expect(await waiting).toMatchObject({ reason: 'killed' })
    expect(await refused).toMatchObject({ code: 'ERR_MAILBOX_FULL' })
  })
})

describe('post', () => {
  it('puts an item at the tail of the own mailbox, beyond any bound', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 1 })
    const seen: unknown[] = []
    const process = system.start({
      label: 'posting',
      handle(self, item) {
        if (item.kind === ItemKind.call) return
        seen.push(item.value)
        if (item.value === 'first') {
          self.post(new Message(ItemKind.info, undefined, 'posted'))
          self.post(new Message(ItemKind.timeout, undefined, 'own'))
        }
      },
    })
    system.send(process.pid, 'first')
    await clock.settle()
    expect(seen).toEqual(['first', 'posted', 'own'])
  })

  it('does nothing in a dead process', () => {
    const { system } = createWorld()
    const process = system.start({ label: 'dead', handle: () => {} })
    process.exit('normal')
    process.post(new Message(ItemKind.info, undefined, 'x'))
    expect(process.mailboxLength).toBe(0)
  })
})

it('NX-L12 a hundred thousand queued messages drain in linear time', async () => {
  const { clock, system } = createWorld()
  let count = 0
  const { pid } = system.start({ label: 'counting', handle: () => void count++ })
  for (let i = 0; i < 100_000; i++) system.cast(pid, 'x', i)
  await clock.settle()
  expect(count).toBe(100_000)
})
