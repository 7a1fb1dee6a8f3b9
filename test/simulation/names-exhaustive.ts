/**
 * Every order of all events of a few nodes that register names while links are cut and joined (G15): an explicit search of
 * states as that of TLC for the model of syn, but with the machines of `dist/names` in it. Nothing is left out by chance or
 * by a bound on depth; what is left out changes nothing: messages that nobody would do anything about.
 */
import type { Chooser } from './names-model.ts'
import { digestOfMessage } from './names-node.ts'
import { ChannelTable, MessageTable, NodeStates, type StepListener } from './names-steps.ts'
import { TupleSet } from './tuple-set.ts'

/** What may happen, besides that a link that was cut is joined again. */
export interface SearchBudget {
  readonly nodes: number
  readonly names: readonly string[]
  /** Links that are cut. */
  readonly cuts: number
  /** Nodes that take names over. Default none. */
  readonly over?: readonly number[]
  /** Processes with names that end. Default 0. */
  readonly exits?: number
}

/** What a search found. */
export interface ExhaustiveResult {
  readonly states: number
  readonly steps: number
  /** States of single nodes, of all. */
  readonly nodeStates: number
  /** States in which nothing is under way and all are joined. */
  readonly atRest: number
  /** False when there are more than `statesMax`. */
  readonly isComplete: boolean
  /** What was wrong first, and after which events. */
  readonly faults: readonly string[]
}

/** What happens; `way` is for people. */
interface Move {
  readonly way: string
  readonly to: readonly number[]
}

interface Frame {
  readonly way: string
  readonly moves: readonly Move[]
  next: number
}

/** See the head of this file. */
export class NamesSearch {
  readonly #budget: SearchBudget
  readonly #messages = new MessageTable()
  readonly #channels = new ChannelTable()
  readonly #nodes: readonly NodeStates[]
  /** By message: its text, if it is an acknowledgement. */
  readonly #acks: (readonly string[] | undefined)[] = []
  readonly #seen: TupleSet
  readonly #pieces = new Map<number, number>()
  readonly #quiet = new Map<number, number>()
  #steps = 0
  #atRest = 0

  constructor(budget: SearchBudget, chooser: Chooser, listener?: StepListener) {
    this.#budget = budget
    const { nodes, names } = budget
    this.#nodes = Array.from(
      { length: nodes },
      (_, index) => new NodeStates(index, nodes, names, chooser, this.#messages, listener),
    )
    this.#seen = new TupleSet(nodes)
  }

  /** A state is: states of nodes, channels by sender and receiver, cuts and exits that have been. */
  run(statesMax = Infinity): ExhaustiveResult {
    const first = this.#first()
    this.#isNew(first)
    const stack: Frame[] = [{ way: 'start', moves: this.#moves(first), next: 0 }]
    let faults: readonly string[] = []
    while (stack.length > 0 && faults.length === 0 && this.#seen.size <= statesMax) {
      const frame = stack.at(-1)!
      const move = frame.moves[frame.next++]
      if (move === undefined) {
        stack.pop()
        continue
      }
      this.#steps += 1
      if (!this.#isNew(move.to)) continue
      faults = this.#faults(move.to)
      const done = { way: move.way, moves: this.#moves(move.to), next: 0 }
      stack.push(done)
    }
    const ways = stack.slice(1).map(({ way }) => way)
    return {
      states: this.#seen.size,
      steps: this.#steps,
      nodeStates: this.#nodes.reduce((sum, { size }) => sum + size, 0),
      atRest: this.#atRest,
      isComplete: stack.length === 0,
      faults: faults.length === 0 ? [] : [...faults, ways.join(', ')],
    }
  }

  /**
   * One order of events: `'0 registers x'`, `'0 to 1'` for the next message, `'cut 0 1'`, `'join 0 1'`. Those that
   * cannot happen are left out. Then everything is joined and arrives; gives what was wrong first.
   */
  follow(steps: readonly string[]): readonly string[] {
    let state: readonly number[] = this.#first()
    const next = (isNext: (way: string) => boolean): readonly string[] | undefined => {
      const move = this.#moves(state).find(({ way }) => isNext(way))
      if (move === undefined) return undefined
      state = move.to
      return this.#faults(state)
    }
    for (const step of steps) {
      const faults = next((way) => way === step || way.startsWith(`${step}:`)) ?? []
      if (faults.length > 0) return faults
    }
    for (;;) {
      const faults = next((way) => /^\d to |^join /.test(way))
      if (faults === undefined) return []
      if (faults.length > 0) return faults
    }
  }

  #first(): number[] {
    const { nodes } = this.#budget
    return new Array<number>(nodes + nodes * nodes + 2).fill(0)
  }

  #moves(state: readonly number[]): Move[] {
    return [
      ...this.#deliveries(state),
      ...this.#wishes(state),
      ...this.#exits(state),
      ...this.#links(state),
    ]
  }

  #deliveries(state: readonly number[]): Move[] {
    const { nodes } = this.#budget
    const moves: Move[] = []
    for (let from = 0; from < nodes; from++) {
      for (let to = 0; to < nodes; to++) {
        const place = this.#place(from, to)
        const [message, ...rest] = this.#channels.lists[state[place]!]!
        if (message === undefined) continue
        const next = [...state]
        next[place] = this.#channels.idOf(rest)
        const said = this.#messages.all[message]!
        const key = `m${from} ${message}`
        this.#do(next, to, key, () => ({ type: 'message', from, message: said }))
        moves.push({ way: `${from} to ${to}: ${digestOfMessage(said)}`, to: next })
      }
    }
    return moves
  }

  #wishes(state: readonly number[]): Move[] {
    const { names, over: takers = [] } = this.#budget
    const moves: Move[] = []
    for (const [node, states] of this.#nodes.entries()) {
      for (const [i, name] of names.entries()) {
        if (!states.facts[state[node]!]!.mayRegister[i]!) continue
        const over = takers.includes(node)
        const next = [...state]
        this.#do(next, node, `r${name}`, () => ({ type: 'register', name, over }))
        moves.push({ way: `${node} registers ${name}`, to: next })
      }
    }
    return moves
  }

  #exits(state: readonly number[]): Move[] {
    const { names, exits = 0 } = this.#budget
    if (state.at(EXITS)! >= exits) return []
    const moves: Move[] = []
    for (const [node, states] of this.#nodes.entries()) {
      for (const [i, name] of names.entries()) {
        if (!states.facts[state[node]!]!.mayExit[i]!) continue
        const next = [...state]
        next[state.length + EXITS]! += 1
        this.#do(next, node, `e${name}`, () => ({ type: 'exit', name }))
        moves.push({ way: `${name} of ${node} exits`, to: next })
      }
    }
    return moves
  }

  #links(state: readonly number[]): Move[] {
    const { nodes, cuts } = this.#budget
    const moves: Move[] = []
    for (let a = 0; a < nodes; a++) {
      for (let b = a + 1; b < nodes; b++) {
        const isLinked = this.#nodes[a]!.facts[state[a]!]!.peers[b]!
        const next = [...state]
        if (!isLinked) {
          this.#do(next, a, `c${b}`, () => ({ type: 'come', peer: b }))
          this.#do(next, b, `c${a}`, () => ({ type: 'come', peer: a }))
          moves.push({ way: `join ${a} ${b}`, to: next })
        } else if (state.at(CUTS)! < cuts) {
          next[state.length + CUTS]! += 1
          next[this.#place(a, b)] = 0
          next[this.#place(b, a)] = 0
          this.#do(next, a, `g${b}`, () => ({ type: 'gone', peer: b }))
          this.#do(next, b, `g${a}`, () => ({ type: 'gone', peer: a }))
          moves.push({ way: `cut ${a} ${b}`, to: next })
        }
      }
    }
    return moves
  }

  #do(state: number[], node: number, key: string, input: Parameters<NodeStates['step']>[2]): void {
    const { next, sent } = this.#nodes[node]!.step(state[node]!, key, input)
    state[node] = next
    for (const { to, message } of sent) {
      const place = this.#place(node, to)
      const list = this.#channels.lists[state[place]!]!
      state[place] = this.#channels.idOf([...list, message])
    }
    const { nodes } = this.#budget
    // What waits for this node, and what it has just sent, may be of no interest now.
    for (let other = 0; other < nodes; other++) {
      if (other === node) continue
      this.#silence(state, other, node)
      this.#silence(state, node, other)
    }
  }

  /** Leaves out acknowledgements under way that change nothing any more. */
  #silence(state: number[], from: number, to: number): void {
    const place = this.#place(from, to)
    const channel = state[place]!
    if (channel === 0) return
    const id = (channel * this.#budget.nodes + to) * PIECES_MAX + state[to]!
    const key = id * this.#budget.nodes + from
    let quiet = this.#quiet.get(key)
    if (quiet === undefined) {
      const unacked = this.#nodes[to]!.facts[state[to]!]!.unacked[from]!
      const list = this.#channels.lists[channel]!
      quiet = this.#channels.idOf(
        list.filter((message) => {
          const claims = this.#claimsOf(message)
          return claims === undefined || claims.some((claim) => unacked.has(claim))
        }),
      )
      this.#quiet.set(key, quiet)
    }
    state[place] = quiet
  }

  /** The claims that a message acknowledges; undefined if it says something else. */
  #claimsOf(id: number): readonly string[] | undefined {
    if (id in this.#acks) return this.#acks[id]
    const message = this.#messages.all[id]!
    const claims =
      message.type === 'ack'
        ? message.of.map((claim) => digestOfMessage({ type: 'ack', of: [claim] }))
        : undefined
    this.#acks[id] = claims
    return claims
  }

  #place(from: number, to: number): number {
    const { nodes } = this.#budget
    return nodes + from * nodes + to
  }

  /** A node with the channels from it is one number, and a state one for each node. */
  #isNew(state: readonly number[]): boolean {
    const { nodes } = this.#budget
    const tuple: number[] = []
    for (let node = 0; node < nodes; node++) {
      let piece = state[node]!
      for (let to = 0; to < nodes; to++) {
        if (to !== node) piece = this.#pair(piece, state[this.#place(node, to)]!)
      }
      tuple.push(piece)
    }
    tuple[0]! += (state.at(CUTS)! * EVENTS_MAX + state.at(EXITS)!) * PIECES_MAX
    return this.#seen.add(tuple)
  }

  #pair(a: number, b: number): number {
    const key = a * PIECES_MAX + b
    let id = this.#pieces.get(key)
    if (id === undefined) {
      id = this.#pieces.size
      if (id >= PIECES_MAX) throw new Error('more states of nodes than a search can number')
      this.#pieces.set(key, id)
    }
    return id
  }

  #faults(state: readonly number[]): readonly string[] {
    const { nodes } = this.#budget
    const facts = this.#nodes.map((states, node) => states.facts[state[node]!]!)
    const faults = facts.flatMap((each) => each.faults)
    const isUnderWay = state.slice(nodes, EXITS).some((channel) => channel !== 0)
    const isCut = facts.some(({ peers }, node) => peers.some((is, peer) => !is && peer !== node))
    if (isUnderWay || isCut) return faults
    this.#atRest += 1
    for (const [i, name] of this.#budget.names.entries()) {
      faults.push(
        ...faultsOf(
          name,
          facts.map((each) => each.atRest[i]!),
        ),
      )
    }
    return faults
  }
}

/** Numbers of states of nodes with their channels, and of channels. */
const PIECES_MAX = 2 ** 24
/** Places of these numbers in a state, from its end. */
const CUTS = -1
const EXITS = -2
/** More than there are of either. */
const EVENTS_MAX = 2 ** 4

type AtRest = NodeStates['facts'][number]['atRest'][number]

/** What is wrong with a name when nothing is under way and all are joined. */
function faultsOf(name: string, all: readonly AtRest[]): string[] {
  const faults: string[] = []
  const [{ holder, claims }] = all as readonly [AtRest]
  const views = new Set(all.map(({ view }) => view))
  if (views.size !== 1) faults.push(`${name} is seen as ${Array.from(views).join(' | ')}`)
  if (all.some(({ outcome }) => outcome === 'waits')) faults.push(`${name} waits for ever`)
  if (claims > 1) faults.push(`${name} has many claims: ${all[0]!.view}`)
  const through = all.filter(({ outcome }) => outcome === 'through')
  const mayBeFree = all.some(({ outcome }) => outcome === 'exited')
  if (through.length > 0 && holder === undefined && !mayBeFree) faults.push(`${name} is nobody's`)
  for (const [node, { outcome, lost }] of all.entries()) {
    if (outcome === 'through' && lost > 0 && holder === node) {
      faults.push(`${name} at ${node} lost and has it`)
    }
  }
  return faults
}
