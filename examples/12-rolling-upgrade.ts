/**
 * Five processes are replaced by five with a newer program, one after the other, while they are at work: each is drained,
 * what runs in it goes on in the new one with its state, and no call is lost or counted twice. Run it with:
 * npm run example 12
 */
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import type { Ref } from 'fovea'
import { startNode } from 'fovea/dist'
import type { CandidateNode, FoveaNode } from 'fovea/dist'
import { TallyContract, TallyV1, TallyV2 } from './12-rolling-upgrade/tally.ts'
import type { TallyApi } from './12-rolling-upgrade/tally.ts'
import { runProcesses } from './processes.ts'
import type { Part, Stage } from './processes.ts'

const ALL = ['ann', 'bob', 'cid', 'dan', 'eve']
const NAMES = ALL.slice(0, Number(process.env['FOVEA_UPGRADE_PROCESSES'] ?? ALL.length))

await runProcesses(play, startVersion)

/** In each of the other processes: the program in the version that it was started in. */
async function startVersion({ args, options }: Part): Promise<FoveaNode> {
  const version = Number(args[0])
  const node = await startNode(options)
  const server = version === 1 ? TallyV1 : TallyV2
  node.behaviorRegistry.register('tally', server, { remote: true, version })
  return node
}

async function play({ node, start }: Stage): Promise<void> {
  const upgraded = new Set<string>()
  /** The newest program, and there where the fewest are: so nothing goes back to an old one. */
  const nodeSelector = (nodes: readonly CandidateNode[]): string | undefined => {
    const fit = nodes.filter(({ isLocal }) => !isLocal)
    const newest = fit.filter(({ id }) => upgraded.has(id))
    const [best] = (newest.length > 0 ? newest : fit).sort((x, y) => x.children - y.children)
    return best?.id
  }
  const old = await Promise.all(NAMES.map((name) => start(name, '1')))
  const supervisor = await node.distributedSupervisor.start({
    nodeSelector,
    children: NAMES.map((id) => ({ id, behavior: 'tally', handoff: true })),
  })
  const tallies = new Map<string, Ref<TallyApi>>()
  node.distributedSupervisor.onLifecycleEvent((event) => {
    if (event.type === 'child_migrated') tallies.set(event.childId, TallyContract.at(event.pid))
  })
  for (const { id, pid } of await node.distributedSupervisor.getChildren(supervisor)) {
    if (pid !== undefined) tallies.set(id, TallyContract.at(pid))
  }
  const over = new AbortController()
  const callers = NAMES.map((id) => keepAdding(tallies, id, over.signal))

  for (const { name, id, stop } of old) {
    const fresh = await start(`${name}2`, '2')
    upgraded.add(fresh.id)
    const { moved } = await node.distributedSupervisor.drain(supervisor, id)
    console.log(`${name} is drained: ${moved.join(', ')} went on at ${fresh.name}`)
    await stop()
  }

  over.abort()
  const added = await Promise.all(callers)
  for (const [at, { count, repeated }] of added.entries()) {
    const id = NAMES[at] ?? ''
    const { version, numbers = [] } = (await tallies.get(id)?.call.read()) ?? {}
    const isRight = numbers.length === count && numbers.every((number, n) => number === n + 1)
    if (!isRight || version !== 2) throw new Error(`${id}: ${count} calls left ${numbers.join()}`)
    const calls = `${count} calls, each counted once and in order`
    console.log(`${id}: version ${version}, ${calls}; ${repeated} were made again`)
  }
  const { restarts, migrations } = await node.distributedSupervisor.getStats(supervisor)
  console.log(`${migrations} moves, ${restarts} restarts`)
  await node.distributedSupervisor.stop(supervisor)
}

/** Adds 1, 2, 3 and so on, until it is over. */
async function keepAdding(
  tallies: ReadonlyMap<string, Ref<TallyApi>>,
  id: string,
  over: AbortSignal,
): Promise<{ readonly count: number; readonly repeated: number }> {
  let [count, repeated] = [0, 0]
  while (!over.aborted) {
    try {
      await tallies.get(id)?.call.add(count + 1)
      count++
    } catch (error) {
      const { code } = error as { readonly code?: string }
      // The tally had moved, or was gone: it was not executed. Without a connection nobody knows: its number tells.
      if (code !== 'ERR_TALLY_MOVED' && code !== 'ERR_CALL_EXIT') throw error
      repeated++
    }
    await setTimeout(10)
  }
  return { count, repeated }
}
