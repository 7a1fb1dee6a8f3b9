/**
 * Steps of single nodes of names, as numbers: states, messages and channels are written down once each, and what a node does in
 * a state with an input is worked out once, by the machines of `dist/names`, and looked up from then on.
 */
import {
  digestOfMessage,
  NameNode,
  type NameInput,
  type NameMessage,
  type NameOutput,
} from './names-node.ts'
import type { Chooser } from './names-model.ts'

/** What a search needs to know of a state of a node. */
export interface NodeFacts {
  readonly mayRegister: readonly boolean[]
  readonly mayExit: readonly boolean[]
  /** Nodes that it is linked with. */
  readonly peers: readonly boolean[]
  /** By peer: the pending claims that it does not know, as `digestOfMessage` writes an acknowledgement. */
  readonly unacked: readonly ReadonlySet<string>[]
  readonly faults: readonly string[]
  readonly atRest: readonly ReturnType<NameNode['atRest']>[]
}

/** A step of a node: its next state, and the messages that it sends. */
export interface NodeStep {
  readonly next: number
  readonly sent: readonly { readonly to: number; readonly message: number }[]
}

/** Hears of each step of a node, once. */
export type StepListener = (step: {
  readonly index: number
  readonly before: readonly string[]
  readonly peers: string
  readonly input: NameInput
  readonly after: readonly string[]
  readonly sent: readonly NameOutput[]
}) => void

/** Messages, each once. */
export class MessageTable {
  readonly all: NameMessage[] = []
  readonly #ids = new Map<string, number>()

  idOf(message: NameMessage): number {
    const digest = digestOfMessage(message)
    let id = this.#ids.get(digest)
    if (id === undefined) {
      id = this.all.push(message) - 1
      this.#ids.set(digest, id)
    }
    return id
  }
}

/** Lists of messages under way, each once; 0 is the empty one. */
export class ChannelTable {
  readonly lists: (readonly number[])[] = [[]]
  readonly #ids = new Map<string, number>([['', 0]])

  idOf(list: readonly number[]): number {
    const text = list.join()
    let id = this.#ids.get(text)
    if (id === undefined) {
      id = this.lists.push(list) - 1
      this.#ids.set(text, id)
    }
    return id
  }
}

const STEP_INPUTS_MAX = 2 ** 20

/** The states of one node that have been reached. */
export class NodeStates {
  readonly facts: NodeFacts[] = []
  readonly #index: number
  readonly #nodes: number
  readonly #names: readonly string[]
  readonly #chooser: Chooser
  readonly #messages: MessageTable
  readonly #listener: StepListener | undefined
  readonly #ids = new Map<string, number>()
  /** How each was reached first. */
  readonly #ways: { readonly from: number; readonly input: NameInput }[] = []
  readonly #inputs = new Map<string, number>()
  readonly #steps = new Map<number, NodeStep>()

  constructor(
    index: number,
    nodes: number,
    names: readonly string[],
    chooser: Chooser,
    messages: MessageTable,
    listener: StepListener | undefined,
  ) {
    this.#index = index
    this.#nodes = nodes
    this.#names = names
    this.#chooser = chooser
    this.#messages = messages
    this.#listener = listener
    this.#keep(new NameNode(index, nodes, chooser), undefined)
  }

  get size(): number {
    return this.facts.length
  }

  /** The step that `input` leads to; `key` tells inputs apart. */
  step(state: number, key: string, input: () => NameInput): NodeStep {
    let number = this.#inputs.get(key)
    if (number === undefined) this.#inputs.set(key, (number = this.#inputs.size))
    const id = state * STEP_INPUTS_MAX + number
    const known = this.#steps.get(id)
    if (known !== undefined) return known
    const step = this.#work(state, input())
    this.#steps.set(id, step)
    return step
  }

  #work(state: number, input: NameInput): NodeStep {
    const node = this.#again(state)
    const before = this.#names.map((name) => node.part(name))
    const peers = node.peers()
    const sent = node.handle(input)
    const after = this.#names.map((name) => node.part(name))
    this.#listener?.({ index: this.#index, before, peers, input, after, sent })
    const next = this.#keep(node, { from: state, input })
    return {
      next,
      sent: sent.map(({ to, message }) => ({ to, message: this.#messages.idOf(message) })),
    }
  }

  /** A node in that state. */
  #again(state: number): NameNode {
    const inputs: NameInput[] = []
    for (let at = state; at !== 0; at = this.#ways[at]!.from) inputs.push(this.#ways[at]!.input)
    const node = new NameNode(this.#index, this.#nodes, this.#chooser)
    for (const input of inputs.reverse()) node.handle(input)
    return node
  }

  #keep(
    node: NameNode,
    way: { readonly from: number; readonly input: NameInput } | undefined,
  ): number {
    const digest = node.digest(this.#names)
    const known = this.#ids.get(digest)
    if (known !== undefined) return known
    const peers = node.peers()
    const each = Array.from({ length: this.#nodes }, (_, peer) => peer)
    const id =
      this.facts.push({
        mayRegister: this.#names.map((name) => node.mayRegister(name)),
        mayExit: this.#names.map((name) => node.mayExit(name)),
        peers: each.map((peer) => peers.includes(String(peer))),
        unacked: each.map(
          (peer) =>
            new Set(
              node.unacked(peer).map((claim) => digestOfMessage({ type: 'ack', of: [claim] })),
            ),
        ),
        faults: this.#names.flatMap((name) => node.faultsNow(name)),
        atRest: this.#names.map((name) => node.atRest(name)),
      }) - 1
    this.#ids.set(digest, id)
    this.#ways.push(way ?? { from: 0, input: { type: 'gone', peer: -1 } })
    return id
  }
}
