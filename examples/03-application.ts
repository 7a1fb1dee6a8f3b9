/**
 * A photo shop as an application: one tree with a registry, a door that is a state machine, printers in a
 * pool, an event manager and an agent. SIGTERM closes the door, serves who is inside, and stops the tree.
 * Run it with: npm run example 03
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, defineApplication, defineServer, GenEvent, Pool, Registry, reply } from 'fovea'
import { answer, defineStatem, initialState, keepState, keepStateAndData, nextState } from 'fovea'
import { defineEventHandler, ok, postpone, runApplication, Supervisor, sys, Task } from 'fovea'
import type { Pid, RefOf } from 'fovea'

/** Its data is how many are inside. Who closes it is answered when the last one has left. */
const Door = defineStatem({
  init: () => initialState('open', 0),
  states: {
    open: {
      call: {
        enter: (inside: number) => keepState(inside + 1, answer(true)),
        close: (inside) => nextState(inside > 0 ? 'closing' : 'empty', inside, postpone()),
      },
      cast: { leave: (inside) => keepState(inside - 1) },
    },
    closing: {
      call: { close: () => keepStateAndData(postpone()) },
      cast: { leave: (inside) => (inside > 1 ? keepState(inside - 1) : nextState('empty', 0)) },
    },
    empty: { call: { close: () => keepStateAndData(answer(true)) } },
  },
  any: { call: { enter: () => keepStateAndData(answer(false)) } },
})

const Printer = defineServer({
  init: (photoMs: number) => photoMs,
  call: {
    print: async (photoMs, photo: string) => {
      await sleep(photoMs)
      return reply(`${photo} on paper`, photoMs)
    },
  },
  cast: {},
})

const Journal = defineEventHandler({
  name: 'journal',
  init: () => 1,
  event: (line, what: string) => {
    console.log(`${line}. ${what}`)
    return ok(line + 1)
  },
})
const note = (what: string) => GenEvent.notify('events', what)

const names = Registry.named<string>('names')
const door = () => Door.contract.at(names.whereis('door') as Pid)

async function visit(guest: string): Promise<void> {
  if (!(await door().call.enter())) return void note(`${guest} finds the door closed`)
  const print = (printer: RefOf<typeof Printer>) => printer.call.print(`A photo of ${guest}`)
  note(await Pool.transaction('printers', print))
  await Agent.update('takings', (cents: number) => cents + 250)
  door().cast.leave()
}

async function day(): Promise<void> {
  const guests = ['Ada', 'Grace', 'Joe', 'Robert', 'Mike'].map(visit)
  await guests[0]
  console.log(sys.formatTree(sys.tree()))
  process.kill(process.pid, 'SIGTERM') // as the platform does, or Ctrl-C
  await Promise.all([...guests, sleep(20).then(() => visit('Alan'))])
}

const Shop = defineApplication({
  name: 'shop',
  env: { printers: 2, photoMs: 50 },
  start: ({ env }) => {
    const worker = Printer.child(env.photoMs, { id: 'printer' })
    const openJournal = () => GenEvent.addHandler('events', Journal)
    return Supervisor.startLink({
      strategy: 'rest_for_one', // each needs what is above it
      children: [
        Registry.child({ name: 'names' }),
        GenEvent.child({ name: 'events' }, { id: 'events' }),
        Task.child(openJournal, { id: 'journal', restart: 'transient' }), // for each new manager
        Agent.child(0, { id: 'takings', options: { name: 'takings' } }),
        Pool.child({ name: 'printers', worker, size: env.printers }, { id: 'printers' }),
        Door.child(undefined, { id: 'door', options: { name: names.via('door') } }),
        Task.child(day, { id: 'day' }),
      ],
    })
  },
  prepStop: async () => {
    note('SIGTERM: the door closes')
    await door().call.close(undefined, { timeoutMs: Infinity })
    note(`The takings are ${await Agent.get('takings', (cents: number) => cents)} cents`)
  },
})

const { cause, exitCode } = await runApplication(Shop, { env: { photoMs: 40 } })
console.log('ended by', cause, 'with exit code', exitCode)
