/**
 * One node of the bench of clusters: `formation-program REALM_FILE NAME [SEED]`, with the preset `local`. Says when it is
 * ready, whom it sees come and go, and when its monitors fire. Told `stall`, it blocks its event loop for that long.
 */
import { startNode } from 'fovea/dist'
import { Echo } from './echo.ts'

/** What the parent says. */
export type FormationOrder =
  | { readonly type: 'monitor'; readonly nodes: readonly string[] }
  | { readonly type: 'stall'; readonly ms: number }

/** What the node says; times are those of the machine, in milliseconds. */
export type FormationWord =
  | { readonly type: 'ready'; readonly id: string; readonly atMs: number }
  | { readonly type: 'up' | 'down' | 'fired'; readonly node: string; readonly atMs: number }
  | { readonly type: 'done' }

const [realm, name, seed] = process.argv.slice(2)
if (realm === undefined || name === undefined) throw new Error('usage: REALM_FILE NAME [SEED]')
const say = (word: FormationWord): void => void process.send!(word)
const nowMs = (): number => performance.timeOrigin + performance.now()

const node = await startNode({
  ...{ nodeName: name, realm, host: '127.0.0.1', port: 0, membership: 'local' as const },
  seeds: seed === undefined ? [] : [seed],
})
node.cluster.onNodeUp((id) => say({ type: 'up', node: id, atMs: nowMs() }))
node.cluster.onNodeDown((id) => say({ type: 'down', node: id, atMs: nowMs() }))
await Echo.start(undefined, { system: node.system, name: 'echo' })
process.on('message', (order: FormationOrder) => {
  if (order.type === 'stall') {
    const endMs = performance.now() + order.ms
    while (performance.now() < endMs);
  } else {
    for (const there of order.nodes) {
      const fired = (): void => say({ type: 'fired', node: there, atMs: nowMs() })
      node.remoteMonitor.monitor({ name: 'echo', node: there }, fired)
    }
  }
  say({ type: 'done' })
})
process.on('disconnect', () => process.exit(0))
say({ type: 'ready', id: node.id, atMs: nowMs() })
for (const { id } of node.cluster.getConnectedNodes()) say({ type: 'up', node: id, atMs: nowMs() })
