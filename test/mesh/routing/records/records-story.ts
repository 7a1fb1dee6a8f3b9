/** Faults and operations in any order against several records cores, and what must hold whatever happens. */
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { RecordsEvent } from '../../../../mesh/routing/records/machine.ts'
import {
  makeRecord,
  randomKey,
  RecordsNetwork,
  WALL_START_MS,
  WITHHOLD,
} from './records-network.ts'
import type { NetworkNode } from './records-network.ts'

/** One thing that happens. */
export type Command =
  | { readonly type: 'put'; readonly by: number; readonly key: number; readonly quorum: number }
  | { readonly type: 'swap'; readonly by: number; readonly key: number }
  | { readonly type: 'get'; readonly by: number; readonly key: number; readonly quorum: number }
  | { readonly type: 'crash' | 'restart' | 'fail_disk' | 'mend_disk' | 'lie' | 'mend' | 'join' }
  | { readonly type: 'cancel'; readonly by: number }
  | { readonly type: 'wait'; readonly ms: number }

/** Runs commands and remembers what was acknowledged. */
export class RecordsStory {
  /** Claims that did not hold. */
  readonly broken: string[] = []
  readonly network = new RecordsNetwork(8, { k: 3 })
  readonly keys = Array.from({ length: 3 }, () => randomKey(this.network.stream))
  readonly put = new Map<string, Set<number>>(this.keys.map(({ hex }) => [hex, new Set()]))
  readonly #sequences = [0, 0, 0]
  readonly #puts = new Map<string, { readonly keyHex: string; readonly sequence: number }>()
  readonly #gets = new Map<string, string>()
  readonly #begun = new Map<NetworkNode, number>()
  readonly #seen = new Map<NetworkNode, number>()
  /** Of each disk, the highest sequence by entry; a disk is never younger than before. */
  readonly #disks = new Map<string, number>()
  /** Until when somebody must have what was acknowledged, by key. */
  readonly #kept = new Map<string, number>()
  done = 0
  /** Keys that had holders when all was mended. */
  held = 0

  run(step: Command): void {
    const { network } = this
    switch (step.type) {
      case 'put':
      case 'swap': {
        const node = network.at(step.by)
        if (!node.up) return
        const sequence = ++this.#sequences[step.key]!
        const record = makeRecord(this.keys[step.key]!, {
          sequence,
          value: Uint8Array.of(sequence),
        })
        this.put.get(record.key.hex)!.add(sequence)
        const swap = step.type === 'swap' ? { expectedSequence: sequence - 1 } : {}
        const options = step.type === 'put' ? { quorum: step.quorum } : {}
        const operationId = network.begin(node, { type: 'put', record, options, ...swap })
        this.#puts.set(`${node.contact.id}/${operationId}`, { keyHex: record.key.hex, sequence })
        this.#begun.set(node, operationId)
        return
      }
      case 'get': {
        const node = network.at(step.by)
        if (!node.up) return
        const wanted = this.keys[step.key]!
        const options = { quorum: step.quorum }
        const operationId = network.begin(node, { type: 'get', key: wanted, options })
        this.#gets.set(`${node.contact.id}/${operationId}`, wanted.hex)
        this.#begun.set(node, operationId)
        return
      }
      case 'cancel': {
        const operationId = this.#begun.get(network.at(step.by))
        if (operationId === undefined) return
        network.step(network.at(step.by), { type: 'cancel_operation', operationId })
        return
      }
      case 'wait':
        return network.wait(step.ms)
      default:
        return this.#disturb(step.type)
    }
  }

  #disturb(type: Exclude<Command['type'], 'put' | 'swap' | 'get' | 'cancel' | 'wait'>): void {
    const { network } = this
    const node = network.at(network.stream.below(8))
    switch (type) {
      case 'crash':
        node.up = false
        return
      case 'restart':
        if (!node.up) network.restart(node)
        return
      case 'fail_disk':
        node.diskFails = true
        return
      case 'mend_disk':
        node.diskFails = false
        return
      case 'lie':
        node.lie = WITHHOLD
        return
      case 'mend':
        node.lie = undefined
        return
      case 'join':
        for (const other of network.nodes) {
          if (other !== node) network.step(other, { type: 'admitted', contact: node.contact })
        }
    }
  }

  /** Whatever must hold after every command. */
  check(): void {
    for (const node of this.network.nodes) {
      for (const [entryId, { record }] of node.disk) {
        const name = `${node.contact.id}/${entryId}`
        this.#claim('K32 no disk gets younger', record.sequence >= (this.#disks.get(name) ?? 0))
        this.#disks.set(name, record.sequence)
      }
      const from = this.#seen.get(node) ?? 0
      for (const event of node.events.slice(from)) this.#checkEvent(node, event)
      this.#seen.set(node, node.events.length)
    }
  }

  #checkEvent(node: NetworkNode, event: RecordsEvent): void {
    if (event.type !== 'done') return
    const name = `${node.contact.id}/${event.operationId}`
    const put = this.#puts.get(name)
    this.done += 1
    for (const { id } of put === undefined ? [] : event.outcome.holders) {
      const holder = this.network.nodes.find(({ contact }) => contact.id === id)!
      if (holder.lie !== undefined) continue
      const onDisk = holder.disk.get(put!.keyHex)?.record.sequence ?? 0
      this.#claim('what was acknowledged is on disk', onDisk >= put!.sequence)
      this.#kept.set(put!.keyHex, makeRecord(this.keys[0]!).expiresAtMs)
    }
    const wanted = this.#gets.get(name)
    if (wanted === undefined) return
    const [record] = event.outcome.records
    this.#claim('MG5 a get gives its own key', record?.key.hex === wanted)
    this.#claim('somebody put what is found', this.put.get(wanted)!.has(record!.sequence))
  }

  /** Everything is mended: the newest of what is left must spread, and nothing must be under way. */
  calm(): void {
    const { network } = this
    for (const node of network.nodes) {
      node.lie = undefined
      node.diskFails = false
      if (!node.up) network.restart(node)
    }
    network.wait(70_000)
    this.check()
    this.#claim('K48 nothing is under way', network.underWay === 0)
    for (const node of network.nodes) {
      const stats = node.core.stats()
      const left =
        stats.operationsRunning +
        stats.lookupsRunning +
        stats.requestsRunning +
        stats.writesRunning +
        stats.maintenanceRunning +
        stats.maintenanceQueued
      this.#claim('K48 a core has nothing left', left === 0)
    }
    for (const wanted of this.keys) {
      network.run(network.at(0), { type: 'get', key: wanted, options: { quorum: 9 } })
    }
    network.wait(5_000)
    for (const wanted of this.keys) {
      const sequences = this.#sequencesHeld(wanted)
      this.#claim('K33 holders agree', new Set(sequences).size <= 1)
      if (sequences.length > 0) this.held += 1
      const untilMs = this.#kept.get(wanted.hex) ?? 0
      if (WALL_START_MS + network.nowMs >= untilMs) continue
      this.#claim('K33 what was acknowledged has a holder', sequences.length > 0)
    }
  }

  #sequencesHeld(wanted: KadKey): readonly number[] {
    return this.network
      .nearest(wanted, 3)
      .map((node) => this.network.entry(node, wanted))
      .flatMap((entry) => (entry === undefined || entry.cached ? [] : [entry.record.sequence]))
  }

  #claim(claim: string, holds: boolean): void {
    if (!holds) this.broken.push(claim)
  }
}
