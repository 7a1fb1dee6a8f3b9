/**
 * Which link a node has to which other, in one table for all nodes: a map per node is ten thousand maps of a
 * hundred entries, each far away in memory. What both ends of a pair know lies together, for both are asked
 * within a round trip. Open addressing with a step of one; what is taken out lets those behind it move up.
 */
import type { Protocol } from './boundary.ts'
import type { SimulatedLink, SimulatedNode } from './simulated-node.ts'

const PLACES_FIRST = 1_024
const LOAD_MAX = 0.75
const FREE = -1

/** A map from (node, peer) to the link that the node knows; an entry of an earlier life of the node is none. */
export class LinkIndex<P extends Protocol> {
  readonly #nodes: number
  #keys: Float64Array = new Float64Array(PLACES_FIRST).fill(FREE)
  /** Two per key: what the node of the lower index knows, and the other. */
  #links: (SimulatedLink<P> | undefined)[] = emptyLinks(PLACES_FIRST)
  #size = 0

  /** For so many nodes. */
  constructor(nodes: number) {
    this.#nodes = nodes
  }

  get(node: SimulatedNode<P>, peer: SimulatedNode<P>): SimulatedLink<P> | undefined {
    const link = this.#links[this.#placeOf(this.#keyOf(node, peer)) * 2 + sideOf(node, peer)]
    if (link === undefined) return undefined
    const life = link.dialler === node ? link.diallerLife : link.acceptorLife
    return life === node.life ? link : undefined
  }

  set(node: SimulatedNode<P>, peer: SimulatedNode<P>, link: SimulatedLink<P>): void {
    const key = this.#keyOf(node, peer)
    let place = this.#placeOf(key)
    if (this.#keys[place] === FREE) {
      if (this.#size >= this.#keys.length * LOAD_MAX) {
        this.#grow()
        place = this.#placeOf(key)
      }
      this.#keys[place] = key
      this.#size++
    }
    this.#links[place * 2 + sideOf(node, peer)] = link
  }

  delete(node: SimulatedNode<P>, peer: SimulatedNode<P>): void {
    const place = this.#placeOf(this.#keyOf(node, peer))
    const links = this.#links
    links[place * 2 + sideOf(node, peer)] = undefined
    if (links[place * 2] === undefined && links[place * 2 + 1] === undefined) this.#free(place)
  }

  #keyOf(node: SimulatedNode<P>, peer: SimulatedNode<P>): number {
    return node.index < peer.index
      ? node.index * this.#nodes + peer.index
      : peer.index * this.#nodes + node.index
  }

  #homeOf(key: number): number {
    const mixed = Math.imul((key | 0) ^ (key / 4_294_967_296), 0x9e3779b1)
    return (mixed ^ (mixed >>> 15)) & (this.#keys.length - 1)
  }

  /** Where that key is, or would be. */
  #placeOf(key: number): number {
    const keys = this.#keys
    const mask = keys.length - 1
    let place = this.#homeOf(key)
    while (keys[place] !== key && keys[place] !== FREE) place = (place + 1) & mask
    return place
  }

  #free(place: number): void {
    if (this.#keys[place] === FREE) return
    this.#size--
    const mask = this.#keys.length - 1
    let gap = place
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const key = this.#keys[next]!
      if (key === FREE) break
      // It may move up unless that is before where it wants to be.
      if (((next - this.#homeOf(key)) & mask) < ((next - gap) & mask)) continue
      this.#move(gap, key, this.#links, next)
      gap = next
    }
    this.#move(gap, FREE, NEITHER, 0)
  }

  #move(
    to: number,
    key: number,
    links: readonly (SimulatedLink<P> | undefined)[],
    from: number,
  ): void {
    this.#keys[to] = key
    this.#links[to * 2] = links[from * 2]
    this.#links[to * 2 + 1] = links[from * 2 + 1]
  }

  #grow(): void {
    const keys = this.#keys
    const links = this.#links
    this.#keys = new Float64Array(2 * keys.length).fill(FREE)
    this.#links = emptyLinks(this.#keys.length)
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place]!
      if (key !== FREE) this.#move(this.#placeOf(key), key, links, place)
    }
  }
}

const NEITHER = Object.freeze([undefined, undefined])

function sideOf({ index }: { index: number }, peer: { index: number }): number {
  return index <= peer.index ? 0 : 1
}

function emptyLinks(places: number): undefined[] {
  return new Array<undefined>(places * 2).fill(undefined)
}
