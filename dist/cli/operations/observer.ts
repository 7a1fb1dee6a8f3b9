/**
 * What a node answers to others that survey the mesh: a small server under a reserved name, registered
 * by `fovea start`. It tells names and keys of its neighbours, which every member of the realm may
 * learn anyway. What it answers comes from another node, so its shape is checked before use.
 */
import {
  contract,
  implement,
  reply,
  Supervisor,
  type ChildContext,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'
import type { Mesh } from '../../../mesh/index.ts'
import { CliError } from '../errors.ts'
import type { NamedNode } from './topology.ts'

/** Name of the server on every node of the command line. */
export const OBSERVER = 'fovea.observer'

/** Neighbours that one node may name; the rest is not believed to be standing links. */
export const OBSERVER_NEIGHBOURS_MAX = 256

/** What an observer is asked. */
export interface ObserverApi {
  readonly call: {
    /** The nodes to which this one keeps a link. */
    neighbours(): readonly NamedNode[]
  }
  readonly cast: {}
}

/** The contract of observers. */
export const ObserverContract: Contract<ObserverApi> = contract('fovea.observer/1', {
  call: { neighbours: true },
  cast: {},
})

/** Where an observer takes its answers from. */
export type NeighbourSource = () => readonly NamedNode[]

/** The server of observers; its argument is what it tells. */
export const Observer: Server<ObserverApi, NeighbourSource> = implement<
  ObserverApi,
  NeighbourSource,
  NeighbourSource
>(ObserverContract, {
  init: (source) => source,
  call: {
    neighbours: (source) => reply(source().slice(0, OBSERVER_NEIGHBOURS_MAX), source),
  },
  cast: {},
})

const KEY_PATTERN = /^[0-9a-f]{64}$/
const NODE_CHARS_MAX = 330

/** An answer of another node as neighbours; throws `ERR_TOPOLOGY_ANSWER` when it is something else. */
export function checkNeighbours(value: unknown): readonly NamedNode[] {
  const wrong = (what: string): CliError =>
    new CliError('ERR_TOPOLOGY_ANSWER', `the node answered ${what} when asked for its neighbours`)
  if (!Array.isArray(value)) throw wrong('something that is no list')
  if (value.length > OBSERVER_NEIGHBOURS_MAX) {
    throw wrong(`more than ${OBSERVER_NEIGHBOURS_MAX} nodes`)
  }
  return value.map((item: unknown): NamedNode => {
    const { node, key } = (item ?? {}) as { readonly node?: unknown; readonly key?: unknown }
    const isNode = typeof node === 'string' && node.length <= NODE_CHARS_MAX
    if (!isNode || typeof key !== 'string' || !KEY_PATTERN.test(key)) throw wrong('a broken entry')
    return { node: node.replace(/[^\x21-\x7e]/g, '?'), key }
  })
}

/** The nodes to which `mesh` keeps a standing link. */
export function neighboursOf(mesh: Pick<Mesh, 'neighbours'>): NamedNode[] {
  return mesh.neighbours().map(({ peer }) => ({ node: peer.nodeId, key: peer.key.hex }))
}

/** Starts the observer of a node under its reserved name, with a supervisor of its own. */
export async function startObserver(mesh: Pick<Mesh, 'neighbours' | 'system'>): Promise<void> {
  const { system } = mesh
  await Supervisor.start({
    system,
    children: [
      {
        id: OBSERVER,
        start: ({ system: where, parent }: ChildContext) =>
          Observer.start(() => neighboursOf(mesh), {
            ...{ system: where, parent },
            ...{ link: true, name: OBSERVER },
          }),
      },
    ],
  })
}
