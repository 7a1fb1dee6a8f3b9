/**
 * Two real gates with systems of their own, and between them links and a way through others that a test makes, loses and delays as it
 * likes. What a mesh would do by itself (dial, probe, choose neighbours) nobody does here, so a schedule of thousands of
 * turns costs milliseconds, and what may be lost is known exactly: nothing, unless the test takes it away.
 */
import { BehaviorRegistry } from '../../../dist/behavior-registry.ts'
import { ContractTable } from '../../../dist/contract-table.ts'
import { DistGate } from '../../../dist/gate.ts'
import { LEAVE_CAPABILITY } from '../../../dist/leave.ts'
import type { NodeDirectory } from '../../../dist/node-directory.ts'
import { DIST_DEFAULTS, type DistOptions } from '../../../dist/options.ts'
import type { PeerHost } from '../../../dist/peer-link.ts'
import { PeerServices } from '../../../dist/peer-services.ts'
import type { Spawner } from '../../../dist/spawner.ts'
import { termExtensions, type TermContext } from '../../../dist/term.ts'
import {
  Codec,
  HEADER_BYTES,
  nodeKeyFromHex,
  VALUE_LIMITS,
  type Courier,
  type CourierHandler,
  type Link,
  type LinkEvent,
  type LinkFrameHandler,
  type Member,
  type Mesh,
  type PartingEvent,
  type PeerInfo,
} from '../../../mesh/index.ts'
import {
  createSeededEntropy,
  createSystem,
  silentLogger,
  type SimClock,
  type System,
} from '../../../runtime/index.ts'

/** Longest way of a frame on a link, and through others; a dial in vain takes longer than both sides of a link to end. */
const LINK_MS = 8
const COURIER_MS = 40
const DIAL_MS = 30
const OVERTAKEN_CHANCE = 0.2

/** One end of a link. */
class End implements Partial<Link> {
  readonly peer: PeerInfo
  readonly initiator: boolean
  readonly state = 'established'
  readonly bytesQueued = 0
  readonly gates: Gates
  readonly side: Side
  other!: End
  isUp = false
  /** Frames that are on their way from here. */
  flying = 0
  isAsking = false

  constructor(gates: Gates, side: Side, peer: PeerInfo, initiator: boolean) {
    this.gates = gates
    this.side = side
    this.peer = peer
    this.initiator = initiator
  }

  send(_lane: string, frame: Uint8Array, rest?: Uint8Array): boolean {
    if (!this.isUp) return false
    if (this.isAsking) throw new Error('something is said on a link that may end')
    const whole = rest === undefined ? frame : Buffer.concat([frame, rest])
    this.flying += 1
    this.gates.fly(this, LINK_MS, () => {
      this.flying -= 1
      if (!this.other.isUp) return
      this.other.stay()
      this.other.side.frames(
        this.other as unknown as Link,
        whole[1]!,
        whole.subarray(HEADER_BYTES),
        'dist',
      )
    })
    return true
  }

  stay(): void {
    if (!this.isAsking || !this.isUp) return
    this.isAsking = false
    this.side.onParting({ type: 'stays', link: this as unknown as Link })
  }

  onDrain(): () => void {
    return () => {}
  }

  fail(code: string): void {
    throw new Error(`a link fails: ${code}`)
  }
}

/** One node. */
export class Side {
  readonly keyHex: string
  readonly system: System
  readonly gate: DistGate
  readonly lost: string[] = []
  /** How often the other was dialled. */
  dials = 0
  /** Options of the latest dial. */
  dialled: { readonly signal: AbortSignal; readonly timeoutMs: number } | undefined
  /** Whether the other knows of it as a member. */
  isKnown = true
  /** How a dial of the other ends without a link. */
  dialCode = 'ERR_TRANSPORT_TIMEOUT'
  link: End | undefined
  onLink: (event: LinkEvent) => void = () => {}
  onParting: (event: PartingEvent<Link>) => void = () => {}
  frames: LinkFrameHandler = () => {}
  isKept: (link: Link) => boolean = () => false
  couriered: CourierHandler = () => {}
  other!: Side

  constructor(gates: Gates, keyHex: string, options: Partial<DistOptions>) {
    this.keyHex = keyHex
    const { clock } = gates
    const entropy = createSeededEntropy(Number.parseInt(keyHex.slice(0, 2), 16))
    this.system = createSystem({ clock, entropy, node: keyHex, incarnation: 1 })
    const inbound = this.system.inbound as { connectionLost: (keyHex: string) => void }
    const connectionLost = inbound.connectionLost.bind(inbound)
    inbound.connectionLost = (key) => {
      if (this.system.inbound.isConnected(key)) this.lost.push(key)
      connectionLost(key)
    }
    // Whoever was started by the test may be spoken to.
    const spawner = { isPrivate: () => false, count: () => 0 } as unknown as Spawner
    const behaviors = new BehaviorRegistry(new ContractTable())
    const dist = { ...DIST_DEFAULTS, relayTimeoutMs: 2_000, dialHoldOffMs: 0, ...options }
    const codec = new Codec<TermContext>({
      limits: { ...VALUE_LIMITS, bytesMax: dist.valueBytesMax, elementsMax: 1_000 },
      extensions: termExtensions,
    })
    const host: PeerHost = {
      ...{ system: this.system, logger: silentLogger, codec, spawner, behaviors },
      ...{ contracts: behaviors.contracts, services: new PeerServices(), options: dist },
      ...{ ownKeyHex: keyHex, ownIncarnation: 1, isGranted: () => true },
      refused: (code) => void this.lost.push(code),
    }
    const directory = {
      ownKeyHex: keyHex,
      keyOf: (node: string) => node,
      member: () => (this.other.isKnown ? gates.memberOf(this.other) : undefined),
    } as unknown as NodeDirectory
    this.gate = new DistGate(host, gates.meshOf(this), directory)
  }
}

/** See the file header. */
export class Gates {
  readonly clock: SimClock
  readonly sides: readonly [Side, Side]
  readonly #random: () => number
  /** When the last of what flies in each direction and way lands, so that nothing overtakes. */
  readonly #landsMs = new Map<unknown, number>()
  readonly #isOvertaken: boolean
  /** How likely what goes through others is lost there, and nobody says so. */
  lossChance = 0
  /** Links that came up and ended. */
  links = 0

  /** `isOvertaken`: what goes through others comes in another order now and then, as on a real way. */
  constructor(
    clock: SimClock,
    seed: number,
    { isOvertaken = false, ...options }: Partial<DistOptions> & { isOvertaken?: boolean } = {},
  ) {
    this.clock = clock
    this.#isOvertaken = isOvertaken
    const entropy = createSeededEntropy(seed)
    this.#random = () => entropy.random()
    const [a, b] = ['aa', 'bb'].map((byte) => new Side(this, byte.repeat(32), options)) as [
      Side,
      Side,
    ]
    a.other = b
    b.other = a
    this.sides = [a, b]
    for (const { gate } of this.sides) gate.open()
  }

  /** Runs `land` after at most `longestMs`, behind what flies the same way; `undefined` keeps no order. */
  fly(way: unknown, longestMs: number, land: () => void): void {
    const landsMs = this.clock.now() + Math.floor(this.#random() * longestMs)
    const atMs = Math.max(landsMs, way === undefined ? 0 : (this.#landsMs.get(way) ?? 0))
    if (way !== undefined) this.#landsMs.set(way, atMs)
    this.clock.setTimer(atMs - this.clock.now(), land)
  }

  /** A link comes up, at the side that was dialled first; nothing if there is one. */
  up(dialler: Side): void {
    const acceptor = dialler.other
    if (dialler.link !== undefined || acceptor.link !== undefined) return
    const here = new End(this, dialler, peerOf(acceptor), true)
    const there = new End(this, acceptor, peerOf(dialler), false)
    here.other = there
    there.other = here
    this.links += 1
    // Ahead of what the acceptor says at once.
    this.fly(there, LINK_MS, () => {
      if (there.isUp) this.#establish(here)
    })
    this.#establish(there)
  }

  /** The link is lost on both sides at once, or nobody could say that neither began to speak on it meanwhile. */
  break(side: Side): void {
    const { link } = side
    if (link === undefined) return
    this.#end(link, 'connection_closed')
    this.#end(link.other, 'connection_closed')
  }

  /** Whether the loss of the link would lose anything: somebody speaks on it. */
  isSpokenOn(): boolean {
    return this.sides.some(
      ({ link, gate, other }) =>
        link !== undefined && gate.peer(other.keyHex)?.link === (link as unknown),
    )
  }

  /** The side asks whether the link may end, if nobody needs it here; the other answers (`mesh/link/parting.ts`). */
  rest(side: Side): void {
    const { link } = side
    const other = link?.other
    if (link === undefined || other?.isUp !== true || link.isAsking || other.isAsking) return
    if (side.isKept(link as unknown as Link) || link.flying > 0) return
    link.isAsking = true
    side.onParting({ type: 'parting', link: link as unknown as Link })
    this.fly(undefined, LINK_MS, () => {
      if (!link.isAsking || !other.isUp) return
      const isNeeded = other.side.isKept(other as unknown as Link)
      const stays = isNeeded || link.flying > 0 || other.flying > 0
      if (!stays) {
        this.#end(other, 'idle')
        return this.fly(other, LINK_MS, () => this.#end(link, 'idle'))
      }
      this.fly(other, LINK_MS, () => link.stay())
    })
  }

  memberOf(side: Side): Member {
    const key = nodeKeyFromHex(side.keyHex)
    const address = { host: '10.0.0.1', port: 1 }
    return { key, nodeId: nameOf(side), address, state: 'up', metadata: {} } as unknown as Member
  }

  meshOf(side: Side): Mesh {
    const mesh = {
      courier: this.#courierOf(side),
      links: () => [],
      linkTo: () => side.link,
      onLink: (handler: Side['onLink']) => {
        side.onLink = handler
        return () => {}
      },
      onParting: (handler: Side['onParting']) => {
        side.onParting = handler
        return () => {}
      },
      keepLinks: (veto: Side['isKept']) => {
        side.isKept = veto
        return () => {}
      },
      handleFrames: (_from: number, _to: number, handler: LinkFrameHandler) => {
        side.frames = handler
        return () => {}
      },
      connect: async (_target: unknown, options: NonNullable<Side['dialled']>) => {
        side.dials += 1
        side.dialled = options
        await new Promise<void>((resolve) => void this.clock.setTimer(DIAL_MS, resolve))
        if (side.link === undefined || side.link.isAsking)
          throw Object.assign(new Error('nobody can be dialled here'), { code: side.dialCode })
        return side.link
      },
    }
    return mesh as unknown as Mesh
  }

  #courierOf(side: Side): Courier {
    const courier = {
      handle: (_from: number, _to: number, handler: CourierHandler) => {
        side.couriered = handler
        return () => {}
      },
      onGone: () => () => {},
      send: (_to: string, _lane: string, frame: Uint8Array) => {
        if (this.lossChance > 0 && this.#random() < this.lossChance) return 'sent'
        const isOvertaken = this.#isOvertaken && this.#random() < OVERTAKEN_CHANCE
        this.fly(isOvertaken ? undefined : side, COURIER_MS, () => {
          const origin = { node: side.keyHex, roles: [], path: 'relayed', via: undefined } as const
          side.other.couriered(origin, frame[1]!, frame.subarray(HEADER_BYTES))
        })
        return 'sent'
      },
    }
    return courier as unknown as Courier
  }

  #establish(end: End): void {
    end.isUp = true
    end.side.link = end
    end.side.onLink({ type: 'up', link: end as unknown as Link })
  }

  #end(end: End, reason: 'connection_closed' | 'idle'): void {
    if (!end.isUp) return
    end.isUp = false
    end.side.link = undefined
    end.side.onLink({ type: 'down', link: end as unknown as Link, reason })
  }
}

const nameOf = ({ keyHex }: Side): string => `${keyHex.slice(0, 2)}@10.0.0.1:1`

function peerOf(side: Side): PeerInfo {
  return {
    ...{ key: nodeKeyFromHex(side.keyHex), nodeId: nameOf(side), name: 'node', kind: 'member' },
    ...{ address: { host: '10.0.0.1', port: 1 }, addressProven: true, incarnation: 1 },
    ...{ capabilities: [LEAVE_CAPABILITY], roles: [], frameBytesMax: 1_048_576, states: [] },
  }
}
