/**
 * Whole nodes under cuts: each sends numbered messages to every other one, and monitors and calls it, while pairs of nodes are
 * cut off from each other and healed at random. What must hold whatever the schedule, over links and through others:
 *
 * - the messages of one sender to one receiver arrive in order, each at most once;
 * - a monitor fires at most once, and a call is answered once, by its reply or by a reason;
 * - once all have links again, nothing is lost any more, also while sessions through others give way to those links;
 * - when some time has passed, nothing waits.
 */
import type { FoveaNode } from '../../dist/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { createSeededEntropy } from '../../runtime/index.ts'
import { Counter, CounterContract, startWorld } from '../dist/support/world.ts'

const NODES = 4
/** Of one turn of a phase. */
const STEP_MS = 300

/** What one run saw. */
export interface ChaosReport {
  readonly sent: number
  readonly received: number
  readonly relayed: number
  readonly faults: readonly string[]
}

interface Probe {
  readonly pid: Pid
  readonly seen: { readonly from: number; readonly n: number }[]
}

/** One run of so many times of cuts and of healing, in turns, and then of healing. */
export async function distChaos(seed: number, phases: number): Promise<ChaosReport> {
  const entropy = createSeededEntropy(seed)
  const pick = (n: number): number => Math.floor(entropy.random() * n)
  await using world = await startWorld(NODES, {
    seed,
    network: { latencyMs: 2, jitterMs: 12, streamWindowBytes: 65_536 },
    node: {
      keepaliveIntervalMs: 200,
      reconnectMaxMs: 500,
      relayTimeoutMs: 2_000,
      dialTimeoutMs: 500,
    },
  })
  const { clock, nodes } = world
  const faults: string[] = []
  const probes = nodes.map((node) => receiver(node))
  await Promise.all(nodes.map((node) => Counter.start(0, { system: node.system, name: 'counter' })))
  const counts = nodes.map(() => new Array<number>(NODES).fill(0))
  const watched = new Map<string, number>()
  let open = 0
  let relayed = 0
  let sent = 0
  const toward = (a: number, b: number): Pid => {
    const { pid } = probes[b]!
    return nodes[a]!.system.pidFor(nodes[b]!.key.hex, pid.id, nodes[b]!.mesh.identity.incarnation)
  }
  const say = (a: number, b: number, bytes = 10): void => {
    counts[a]![b]! += 1
    sent += 1
    const n = counts[a]![b]!
    nodes[a]!.system.send(toward(a, b), { from: a, n, data: new Uint8Array(bytes) })
  }
  /** Several in a row, a large one first now and then, some of them in later turns. */
  const talk = async (a: number, b: number): Promise<void> => {
    say(a, b, pick(4) === 0 ? 200_000 : 10)
    for (let i = pick(8); i > 0; i--) {
      if (pick(3) === 0) await clock.advance(1)
      say(a, b)
    }
  }
  const watch = (a: number, b: number): void => {
    const id = `${a} ${b} ${watched.size}`
    watched.set(id, 0)
    nodes[a]!.remoteMonitor.monitor(toward(a, b), () => watched.set(id, watched.get(id)! + 1))
  }
  const call = (a: number, b: number): void => {
    let answers = 0
    open += 1
    const target = { name: 'counter', node: nodes[b]!.key, contract: CounterContract }
    const answered = (): void => {
      answers += 1
      open -= 1
      if (answers > 1) faults.push(`call ${a} ${b} was answered twice`)
    }
    nodes[a]!.remoteCall.call(target, 'add', 1, { timeoutMs: 3_000 }).then(answered, answered)
  }
  const pair = (): readonly [number, number] => {
    const a = pick(NODES)
    return [a, (a + 1 + pick(NODES - 1)) % NODES]
  }
  /** All speak with all from the moment at which they are linked again; how much of that is lost. */
  const talkOn = async (): Promise<number> => {
    const heard = (): number => probes.reduce((sum, { seen }) => sum + seen.length, 0)
    const isLinked = (): boolean =>
      nodes.every((a) => nodes.every((b) => a === b || a.mesh.linkTo(b.key.hex) !== undefined))
    for (let waitedMs = 0; !isLinked() && waitedMs < 20_000; waitedMs += 10) await clock.advance(10)
    // What was said before is there or lost by now, or held up by a large one: a session ends in relayTimeoutMs.
    await clock.advance(200)
    const [heardBefore, sentBefore] = [heard(), sent]
    for (let round = 0; round < 60; round++) {
      for (let a = 0; a < NODES; a++) for (let b = 0; b < NODES; b++) if (a !== b) say(a, b)
      await clock.advance(5 + pick(40))
    }
    await clock.advance(2_000)
    return sent - sentBefore - (heard() - heardBefore)
  }
  for (let phase = 0; phase < phases; phase++) {
    // One or two pairs are cut off from each other, long enough to speak through others; then all is well again.
    const cut = Array.from({ length: 1 + pick(2) }, pair)
    if (phase % 2 === 0) for (const [a, b] of cut) world.partition(nodes[a]!, nodes[b]!)
    else world.heal()
    for (let step = 0; step < 12; step++) {
      // Those who are cut off have most to say, in both directions, and fall silent now and then.
      const [x, y] = pick(2) === 0 ? (cut[0] ?? pair()) : pair()
      const [from, to] = pick(2) === 0 ? [x, y] : [y, x]
      const what = pick(8)
      if (what < 6) await talk(from, to)
      else if (what === 6) watch(from, to)
      else call(from, to)
      await clock.advance(pick(4) === 0 ? 3 * STEP_MS : pick(STEP_MS))
    }
    relayed = Math.max(relayed, ...nodes.map((node) => node.mesh.courier!.stats().relayed))
  }
  world.heal()
  const lost = await talkOn()
  if (lost !== 0) faults.push(`${lost} messages are lost although all have links`)
  await clock.advance(10_000)
  if (open !== 0) faults.push(`${open} calls wait for ever`)
  for (const [id, times] of watched)
    if (times > 1) faults.push(`monitor ${id} fired ${times} times`)
  for (const [to, { seen }] of probes.entries()) {
    for (let from = 0; from < NODES; from++) {
      const numbers = seen.filter((message) => message.from === from).map(({ n }) => n)
      const isInOrder = numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)
      if (!isInOrder) faults.push(`${from} to ${to}: ${numbers.join(' ')}`)
    }
  }
  for (const node of nodes) {
    for (const [peer, stats] of Object.entries(node.stats().peers)) {
      if (stats.bytesWaiting + stats.callsOut + stats.callsIn > 0)
        faults.push(`${peer} still waits`)
    }
  }
  const received = probes.reduce((sum, { seen }) => sum + seen.length, 0)
  return { sent, received, relayed, faults }
}

function receiver({ system }: FoveaNode): Probe {
  const seen: Probe['seen'] = []
  const pid = system.spawn(async (ctx) => {
    for (;;) {
      const message = await ctx.receive(undefined, { timeoutMs: Infinity })
      const { from, n } = message as unknown as { from: number; n: number }
      seen.push({ from, n })
    }
  })
  return { pid, seen }
}
