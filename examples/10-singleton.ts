/**
 * A counter that runs once in the whole cluster. Three processes vote on who has it; the one that has it is killed, another
 * goes on with the count, and what the dead one may still have had to say is refused. Run it with: npm run example 10
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startNode } from 'fovea/dist'
import type { FoveaNode } from 'fovea/dist'
import { generateNodeKeys } from 'fovea/mesh'
import { Counter, CounterContract } from './10-singleton/counter.ts'
import { Ledger, LedgerContract } from './10-singleton/ledger.ts'
import { runProcesses } from './processes.ts'
import type { Part, Stage } from './processes.ts'

const TTL_MS = 1_000

await runProcesses(play, startCandidate)

/** In each of the other processes: a voter, and a candidate for the counter. */
async function startCandidate({ name, folder, args, options }: Part): Promise<FoveaNode> {
  const leases = { ttlMs: TTL_MS }
  const dataDir = join(folder, name)
  const node = await startNode({ ...options, dataDir, voters: args, leases })
  await node.cluster.waitFor(options.seeds?.[0] ?? '')
  await node.globalRegistry.sync()
  const names = node.globalRegistry
  node.singletons.start({
    name: 'counter',
    start: async ({ system, parent, token }) => {
      const ledger = names.lookup('ledger', LedgerContract)
      const counter = await Counter.start({ ledger, token, names }, { system, parent, link: true })
      console.log('* the counter runs here, with token', token)
      return counter
    },
  })
  return node
}

/** Voters are known by their keys, so each has one before the first start. */
async function makeVoter(dataDir: string): Promise<string> {
  const keys = generateNodeKeys()
  await mkdir(dataDir, { mode: 0o700 })
  await writeFile(join(dataDir, 'node.key'), keys.privateKeyPem, { mode: 0o600 })
  return keys.nodeKey.hex
}

async function play({ node, folder, start }: Stage): Promise<void> {
  const ledger = await Ledger.start(undefined, { system: node.system })
  await node.globalRegistry.register('ledger', ledger)
  const people = ['ann', 'bob', 'eve']
  const voters = await Promise.all(people.map((name) => makeVoter(join(folder, name))))
  const actors = await Promise.all(people.map((name) => start(name, ...voters)))

  let [counted, unsure] = [0, 0]
  /** Adds one, whoever the counter is by now. */
  const add = async (): Promise<void> => {
    for (;;) {
      try {
        await node.globalRegistry.lookup('counter', CounterContract).call.add(1)
        counted++
        return
      } catch (error) {
        // One that died in a call may have written before: whoever must know gives each call a number.
        if ((error as { readonly code?: string }).code === 'ERR_CALL_EXIT') unsure++
        await setTimeout(20)
      }
    }
  }
  for (let i = 0; i < 10; i++) await add()
  const before = await ledger.call.read()
  console.log(`the count is ${before.value}, written with token ${before.token}`)

  const keyHex = node.globalRegistry.lookup('counter').pid.node
  const holder = actors.find((actor) => actor.keyHex === keyHex)
  if (holder === undefined) throw new Error('the counter runs nowhere')
  await holder.kill()
  const killedAt = performance.now()
  await add()
  const tookMs = Math.round(performance.now() - killedAt)
  console.log(
    `kill -9 of ${holder.name}: counted again after ${tookMs} ms, the TTL is ${TTL_MS} ms`,
  )
  for (let i = 0; i < 9; i++) await add()

  // As if the dead one had only stood still, and went on now with what it was about to write.
  const late = await ledger.call.write({ ...before, value: 1_000 }).catch((error: Error) => error)
  if (!(late instanceof Error)) throw new Error('the ledger took what came too late')
  console.log('refused:', late.message)

  const { value, token } = await ledger.call.read()
  if (value < counted || value > counted + unsure) throw new Error(`${counted} became ${value}`)
  console.log(`the count is ${value}, written with token ${token}`)
}
