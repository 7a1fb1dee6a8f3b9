/** Mailbox policies as servers and children get them; the policies themselves are tested in the runtime. */
import { expect, it } from 'vitest'
import { Supervisor, sys } from '../../behaviours/index.ts'
import { createSimClock, createSystem } from '../../runtime/index.ts'
import { scripted, ScriptContract, world } from './world.ts'

const never = (): Promise<never> => new Promise(() => {})

it.each([
  [undefined, false],
  ['drop_newest', true],
  ['drop_oldest', true],
] as const)(
  'a server with policy %s answers %s to a cast too many',
  async (mailboxPolicy, told) => {
    const { clock, system } = world()
    const ref = await scripted().start(undefined, { system, mailboxMessagesMax: 1, mailboxPolicy })
    ref.cast.run(never)
    await clock.settle()
    expect([ref.cast.add(1), ref.cast.add(2)]).toEqual([true, told])
  },
)

it('a child keeps its policy over restarts', async () => {
  const { clock, system } = world()
  const options = { name: 'c', mailboxMessagesMax: 1, mailboxPolicy: 'drop_oldest' } as const
  await Supervisor.start({
    system,
    children: [scripted().child(undefined, { id: 'c', options })],
  })
  for (let life = 0; life < 2; life++) {
    const pid = system.whereis('c')!
    ScriptContract.at(pid).cast.run(never)
    await clock.settle()
    const { cast } = ScriptContract.at(pid)
    expect([cast.add(1), cast.add(2)]).toEqual([true, true])
    expect(system.stats().messagesEvicted).toBe(life + 1)
    system.exit(pid, 'kill')
    await clock.settle()
  }
})

it('a supervisor lets nothing go, whatever the policy of its system: it tells itself what to do next', async () => {
  const clock = createSimClock()
  const system = createSystem({ clock, mailboxPolicy: 'drop_oldest' })
  let starts = 0
  const server = scripted()
  const supervisor = await Supervisor.start({
    system,
    mailboxMessagesMax: 1,
    children: [
      {
        id: 'c',
        start: (context) => {
          if (++starts === 2) throw new Error('not yet')
          return server.start(undefined, { ...context, link: true, name: 'c' })
        },
      },
    ],
  })
  system.exit(system.whereis('c')!, 'kill')
  const suspended = sys.suspend(supervisor)
  await clock.settle()
  await suspended
  for (let i = 0; i < 3; i++) system.send(supervisor.pid, 'more')
  await sys.resume(supervisor)
  await clock.settle()
  expect([starts, system.whereis('c') !== undefined]).toEqual([3, true])
})
