/**
 * Nodes that know nothing but names: registrars joined by channels that keep their order, which may be cut and joined again.
 * Every step is an action with a number, so a run can be repeated, and all runs can be tried.
 */
import { Claim, type ClaimBody, type Ending } from '../../dist/names/claim.ts'
import { Claims, type Choice } from '../../dist/names/claims.ts'
import { metaOf } from '../../dist/names/claim.ts'
import { Registrar, type OwnName } from '../../dist/names/registrar.ts'

/** How the node `own` chooses between its claim and that of `rival`. */
export type Chooser = (own: number, rival: number) => Choice

interface Diff {
  readonly type: 'diff'
  readonly joins: readonly Claim[]
  readonly leaves: readonly Claim[]
  readonly version: number
}

type Message = Diff | { readonly type: 'ack'; readonly version: number }

/** A process that wants a name. */
export interface Candidate {
  readonly node: number
  readonly name: string
  outcome: 'waits' | 'through' | 'refused'
  lost: number
  how: Ending | undefined
}

const keyOf = (node: number): string => String(node + 1).repeat(64)

class ModelNode {
  readonly key: string
  readonly claims = new Claims()
  readonly registrar: Registrar<Candidate>
  readonly mine = new Map<string, Claim>()
  /** By other node: what it has of this one. */
  readonly acked = new Map<number, number>()
  version = 0

  constructor(world: NamesModel, index: number) {
    this.key = keyOf(index)
    this.registrar = new Registrar<Candidate>({
      claims: this.claims,
      say: (name, body, before) => this.#say(world, index, { name, body, before }),
      unsay: (claim) => {
        this.mine.delete(claim.key)
        world.tell(index, { joins: [], leaves: [claim] })
      },
      choose: (own, rival) => world.choose(index, Number(rival.node[0]) - 1, own),
      refused: ({ owner }) => void (owner.outcome = 'refused'),
      lost: ({ owner }, _to, how) => {
        owner.lost += 1
        owner.how = how
      },
      decided: () => {},
    })
  }

  #say(
    world: NamesModel,
    index: number,
    said: {
      readonly name: string
      readonly body: ClaimBody
      readonly before: Claim | undefined
    },
  ): Claim {
    const claim = new Claim({
      ...{ topic: '$names', key: said.name, node: this.key, life: 1 },
      ...{ version: this.version + 1, previousRef: undefined, meta: metaOf(said.body), bytes: 0 },
    })
    this.mine.set(said.name, claim)
    world.tell(index, {
      joins: [claim],
      leaves: said.before === undefined ? [] : [said.before],
    })
    return claim
  }
}

/** What the next step may be. */
export type Action =
  | {
      readonly type: 'register'
      readonly node: number
      readonly name: string
      readonly over: boolean
    }
  | { readonly type: 'deliver'; readonly from: number; readonly to: number }
  | { readonly type: 'cut'; readonly a: number; readonly b: number }
  | { readonly type: 'join'; readonly a: number; readonly b: number }
  | { readonly type: 'exit'; readonly node: number; readonly name: string }

/** See the head of this file. */
export class NamesModel {
  readonly nodes: readonly ModelNode[]
  readonly candidates: Candidate[] = []
  readonly choose: (own: number, rival: number, name: OwnName<Candidate>) => Choice
  readonly #channels: Message[][][]
  readonly #cuts = new Set<string>()

  constructor(count: number, chooser: Chooser = () => 'own') {
    this.choose = chooser
    this.#channels = Array.from({ length: count }, () => Array.from({ length: count }, () => []))
    this.nodes = Array.from({ length: count }, (_, i) => new ModelNode(this, i))
  }

  isCut(a: number, b: number): boolean {
    return this.#cuts.has(pair(a, b))
  }

  /** Channels with something in them. */
  deliveries(): Action[] {
    const actions: Action[] = []
    for (const [from, row] of this.#channels.entries()) {
      for (const [to, channel] of row.entries()) {
        if (channel.length > 0) actions.push({ type: 'deliver', from, to })
      }
    }
    return actions
  }

  do(action: Action): void {
    switch (action.type) {
      case 'register':
        return this.#register(action.node, action.name, action.over)
      case 'deliver':
        return this.#deliver(action.from, action.to)
      case 'cut':
        this.#cuts.add(pair(action.a, action.b))
        this.#gone(action.a, action.b)
        return this.#gone(action.b, action.a)
      case 'join':
        this.#cuts.delete(pair(action.a, action.b))
        this.#greet(action.a, action.b)
        return this.#greet(action.b, action.a)
      case 'exit': {
        const own = this.nodes[action.node]!.registrar.own.get(action.name)
        if (own === undefined) return
        if (own.owner.outcome === 'waits') own.owner.outcome = 'refused'
        this.nodes[action.node]!.registrar.release(own)
      }
    }
  }

  /** Delivers everything that is under way; false when that does not come to an end. */
  settle(): boolean {
    for (let steps = 0; steps < 10_000; steps++) {
      const [first] = this.deliveries()
      if (first === undefined) return true
      this.do(first)
    }
    return false
  }

  /** A node tells all that it is joined with. */
  tell(from: number, { joins, leaves }: Omit<Diff, 'type' | 'version'>): void {
    const node = this.nodes[from]!
    node.version += 1
    for (const to of this.#peers(from)) {
      this.#channels[from]![to]!.push({ type: 'diff', joins, leaves, version: node.version })
    }
  }

  /** What a node knows of a name. */
  view(node: number, name: string): string {
    return Array.from(this.nodes[node]!.claims.of(name), digestOf).sort().join(' ')
  }

  /** Everything, for comparison of states. */
  digest(): string {
    const nodes = this.nodes.map(({ claims, mine, acked, version }) => [
      Array.from(claims.names(), (name) => Array.from(claims.of(name), digestOf).sort()).sort(),
      Array.from(mine.values(), digestOf),
      Array.from(acked),
      version,
    ])
    const channels = this.#channels.map((row) =>
      row.map((channel) =>
        channel.map((message) =>
          message.type === 'ack'
            ? message.version
            : [message.joins.map(digestOf), message.leaves.map(digestOf), message.version],
        ),
      ),
    )
    const rest = [Array.from(this.#cuts).sort(), this.candidates.map((each) => Object.values(each))]
    return JSON.stringify([nodes, channels, rest])
  }

  #peers(of: number): number[] {
    return Array.from(this.nodes?.keys() ?? []).filter((i) => i !== of && !this.isCut(of, i))
  }

  #register(index: number, name: string, over: boolean): void {
    const { registrar, claims } = this.nodes[index]!
    if (!over && claims.of(name).length > 0) return
    const candidate: Candidate = {
      ...{ node: index, name, outcome: 'waits', lost: 0, how: undefined },
    }
    this.candidates.push(candidate)
    const process = this.candidates.length
    const given = { process, contract: undefined, fence: 0, how: 'exit' } as const
    if (over) registrar.claimOver(name, candidate, given)
    else registrar.claim(name, candidate, given)
    this.#acknowledge(index)
  }

  #deliver(from: number, to: number): void {
    const message = this.#channels[from]![to]!.shift()!
    const node = this.nodes[to]!
    if (message.type === 'ack') {
      node.acked.set(from, Math.max(message.version, node.acked.get(from) ?? 0))
      this.#acknowledge(to)
      return
    }
    node.registrar.changed(message.joins, message.leaves)
    this.#channels[to]![from]!.push({ type: 'ack', version: message.version })
  }

  #acknowledge(index: number): void {
    const node = this.nodes[index]!
    const least = Math.min(...this.#peers(index).map((peer) => node.acked.get(peer) ?? 0))
    for (const own of Array.from(node.registrar.own.values())) {
      if (own.claim.state !== 'pending' || own.claim.version > least) continue
      node.registrar.acknowledged(own)
      if (node.registrar.own.get(own.name) === own) own.owner.outcome = 'through'
    }
  }

  #gone(index: number, other: number): void {
    const node = this.nodes[index]!
    this.#channels[other]![index] = []
    node.acked.delete(other)
    const key = keyOf(other)
    const names = Array.from(node.claims.names())
    const known = names.flatMap((name) => node.claims.of(name))
    node.registrar.changed(
      [],
      known.filter((claim) => claim.node === key),
    )
    this.#acknowledge(index)
  }

  #greet(from: number, to: number): void {
    const { mine, version } = this.nodes[from]!
    const joins = Array.from(mine.values())
    this.#channels[from]![to]!.push({ type: 'diff', joins, leaves: [], version })
  }
}

function pair(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function digestOf({ node, version, process, state, id, counter, wins, ends }: Claim): string {
  const ended = ends.map((each) => `${each.node[0]}:${each.id}${each.how[0]}`).join()
  return `${node[0]}.${version} p${process} ${state} i${id} c${counter} w${wins} [${ended}]`
}

/** What is wrong now, while things are under way. */
export function faultsNow(world: NamesModel): string[] {
  const faults: string[] = []
  for (const { lost, outcome, name, node } of world.candidates) {
    if (lost > 1) faults.push(`${name} at ${node} was told ${lost} times`)
    if (lost > 0 && outcome === 'refused') faults.push(`${name} at ${node} was refused and lost`)
  }
  return faults
}

/** What is wrong when all are joined and nothing is under way; `exited` names may be nobody's. */
export function faultsAtRest(world: NamesModel, exited: ReadonlySet<string>): string[] {
  const faults = faultsNow(world)
  const names = new Set(world.candidates.map(({ name }) => name))
  for (const name of names) {
    const views = new Set(Array.from(world.nodes.keys(), (node) => world.view(node, name)))
    if (views.size !== 1) faults.push(`${name} is seen as ${Array.from(views).join(' | ')}`)
    const all = world.candidates.filter((each) => each.name === name)
    if (all.some(({ outcome }) => outcome === 'waits')) faults.push(`${name} waits for ever`)
    const { claims } = world.nodes[0]!
    const holder = claims.holder(name)
    if (claims.of(name).length > 1) faults.push(`${name} has many claims: ${world.view(0, name)}`)
    if (exited.has(name)) continue
    const through = all.filter(({ outcome }) => outcome === 'through')
    if (through.length > 0 && holder === undefined) faults.push(`${name} is nobody's`)
    for (const [i, each] of world.candidates.entries()) {
      if (each.name !== name || each.outcome !== 'through') continue
      const has = holder?.process === i + 1
      if (has && each.lost > 0) faults.push(`${name} at ${each.node} lost and has it`)
    }
  }
  return faults
}
