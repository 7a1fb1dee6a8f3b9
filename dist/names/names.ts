/** Puts global names together: memory, process, service for other nodes, functions for users. */
import type { ChildSpec, Contract, Ref } from '../../behaviours/index.ts'
import { numberOption, type Pid } from '../../runtime/index.ts'
import type { OpenSpace } from '../../mesh/index.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { Claim } from './claim.ts'
import {
  GlobalNameConflictError,
  GlobalNameNotFoundError,
  GlobalRegistryError,
  GlobalTimeoutError,
} from './errors.ts'
import { facesOf } from './global-registry.ts'
import type {
  GlobalRegistryFunctions,
  GlobalRegistryStats,
  Nameable,
  Registered,
} from './global-registry.ts'
import { badRequest, NAMES_SERVICE, readRequest, requestOf } from './name-requests.ts'
import { NameSync } from './name-sync.ts'
import { GlobalVia, type NameDoor } from './name-via.ts'
import { NamesMemory } from './names-memory.ts'
import { NamesServer } from './names-server.ts'
import { namesOptions, namesSettings, registerOptions, syncOptions } from './options.ts'
import type { NamesOptions, RegisterOptions, SyncOptions } from './options.ts'
import type { NameResolver } from './resolver.ts'
import { NO_STRICT_NAMES, type StrictNames } from './strict-names.ts'

/** A registration of a process of this node. */
interface Order {
  readonly name: string
  readonly pid: Pid
  readonly contract: string | undefined
  readonly isOver: boolean
  readonly resolver: NameResolver | undefined
  readonly mode: 'eventual' | 'strict'
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** Global names of one node; `strict` grants strict ones. Throws an `OptionError`. */
export function createNames(
  parts: DistParts,
  given: Partial<NamesOptions> | undefined,
  strict: StrictNames = NO_STRICT_NAMES,
): DistFeature<GlobalRegistryFunctions> {
  const options = namesOptions(given)
  const space = parts.mesh.openSpace({
    name: NAMES_SERVICE,
    action: 'call',
    settings: namesSettings(options),
    bytes: {
      ownMax: options.ownBytesMax,
      nodeMax: options.nodeBytesMax,
      allMax: options.namesBytesMax,
    },
    entryOf: (facts) => {
      const claim = new Claim(facts)
      if (!claim.isValid) parts.refusals.count('ERR_GLOBAL_CLAIM_INVALID', { node: facts.node })
      return claim
    },
  })
  const names = new GlobalNames(parts, options, strict, space)
  return { functions: names.functions(), child: names.child(), close: () => names.close() }
}

/** See `global-registry.ts`. */
class GlobalNames {
  readonly #parts: DistParts
  readonly #options: Readonly<NamesOptions>
  readonly #strict: StrictNames
  /** Undefined on a node without services. */
  readonly #made: { readonly memory: NamesMemory; readonly sync: NameSync } | undefined
  readonly #closed = new AbortController()
  readonly #release: () => void

  constructor(
    parts: DistParts,
    options: Readonly<NamesOptions>,
    strict: StrictNames,
    space: OpenSpace | undefined,
  ) {
    this.#parts = parts
    this.#options = options
    this.#strict = strict
    this.#release = (): void => {}
    if (space === undefined) return
    const memory = new NamesMemory(parts, options, space)
    const sync = new NameSync(parts, memory.topic, memory.events, options.timeoutMs)
    this.#made = { memory, sync }
    this.#release = parts.services.open(NAMES_SERVICE, {
      action: 'call',
      call: (_origin, what, input, signal) => this.#asked(what, input, signal),
      cast: () => parts.refusals.count('ERR_GLOBAL_REQUEST'),
    })
  }

  child(): ChildSpec | undefined {
    if (this.#made === undefined) return undefined
    return NamesServer.child(this.#made, { id: 'names' }) as unknown as ChildSpec
  }

  close(): void {
    this.#closed.abort()
    this.#release()
    this.#made?.sync.close()
    this.#made?.memory.close()
  }

  functions(): GlobalRegistryFunctions {
    const door: NameDoor = {
      whereis: (name) => this.#pid(name),
      claim: (name, pid) => this.#claimFor(name, pid),
      release: (name) => this.#unregisterHere(name),
    }
    return Object.freeze<GlobalRegistryFunctions>({
      register: (name, target, options) => this.#register('register', name, target, options),
      reRegister: (name, target, options) => this.#register('reRegister', name, target, options),
      unregister: (name, options) => this.#unregister(name, options),
      whereis: <P>(name: string, contract?: Contract<P>) => this.#whereis(name, contract),
      lookup: <P>(name: string, contract?: Contract<P>) => {
        const ref = this.#whereis(name, contract)
        if (ref === undefined) throw new GlobalNameNotFoundError(name)
        return ref
      },
      isRegistered: (name) => this.#memory.claims.holder(name) !== undefined,
      send: (name, message) => {
        const pid = this.#pid(name)
        if (pid === undefined) throw new GlobalNameNotFoundError(name)
        this.#parts.system.send(pid, message)
        return pid
      },
      via: (name) => new GlobalVia(door, this.#checked(name)),
      getNames: () => Array.from(this.#entries(), ({ key }) => key),
      getEntriesForNode: (node) => {
        const keyHex = this.#parts.directory.keyOf(node)
        const own = this.#entries().filter((claim) => claim.node === keyHex)
        return own.map((claim) => this.#memory.entryOf(claim))
      },
      count: () => this.#memory.claims.size,
      getStats: () => this.#stats(),
      sync: (options) => this.#sync(options),
      on: (event, handler) => this.#memory.events.on(event, handler),
    })
  }

  /** Throws what the mesh throws without services. */
  get #memory(): NamesMemory {
    if (this.#made !== undefined) return this.#made.memory
    void this.#parts.mesh.presence
    throw new GlobalRegistryError('ERR_GLOBAL_STOPPED', '*', 'the node has no services')
  }

  #whereis<P>(name: string, contract: Contract<P> | undefined): Ref<P> | undefined {
    const memory = this.#memory
    const claim = memory.claims.holder(name)
    if (claim === undefined) return undefined
    if (contract !== undefined) {
      return this.#parts.contracts.refAs(memory.pidOf(claim), contract, claim.contract)
    }
    return memory.refOf(claim) as Ref<P>
  }

  #pid(name: string): Pid | undefined {
    const claim = this.#memory.claims.holder(name)
    return claim === undefined ? undefined : this.#memory.pidOf(claim)
  }

  #entries(): Claim[] {
    const { claims } = this.#memory
    const all = Array.from(claims.names(), (name) => claims.holder(name))
    return all.filter((claim) => claim !== undefined)
  }

  #stats(): GlobalRegistryStats {
    const { claims, registrar, pending } = this.#memory
    const { ownBytes, knownBytes } = this.#memory.sizes()
    let contested = 0
    for (const name of claims.names()) if (claims.of(name).length > 1) contested += 1
    const names = { names: claims.size, own: registrar.own.size, pending, contested }
    return { ...names, ownBytes, knownBytes }
  }

  async #sync(given: SyncOptions | undefined): Promise<void> {
    const { timeoutMs = this.#options.timeoutMs, signal } = syncOptions(
      'globalRegistry.sync',
      given,
    )
    void this.#memory
    await this.#made?.sync.all({ timeoutMs, signal })
  }

  async #register(
    where: 'register' | 'reRegister',
    name: string,
    target: Nameable,
    given: RegisterOptions | undefined,
  ): Promise<Registered> {
    const options = registerOptions(`globalRegistry.${where}`, given)
    const { timeoutMs = this.#options.timeoutMs, signal, resolver, mode = 'eventual' } = options
    this.#checked(name)
    const { pid, contract } = facesOf(target)
    if (pid === undefined) {
      throw new GlobalRegistryError('ERR_GLOBAL_PROCESS', name, 'what is given is no process')
    }
    const { system } = this.#parts
    const order = { name, pid, contract, isOver: where === 'reRegister', mode, timeoutMs, signal }
    if (pid.node === system.node && pid.incarnation === system.incarnation) {
      return { token: await this.#registerHere({ ...order, resolver }) }
    }
    return { token: await this.#registerThere({ ...order, resolver }) }
  }

  async #registerHere(order: Order): Promise<number | undefined> {
    const { name, pid, contract, isOver, timeoutMs, signal } = order
    const memory = this.#memory
    const resolver = order.resolver ?? this.#options.resolver
    if (order.mode === 'eventual') {
      const own = memory.claim({ name, pid, contract, resolver, isOver, strict: undefined })
      await memory.through(own, timeoutMs, signal)
      return undefined
    }
    const taken = memory.claims.holder(name)
    if (!isOver && taken !== undefined && taken.fence === 0) {
      throw new GlobalNameConflictError(name, this.#parts.directory.nameOf(taken.node))
    }
    const { system } = this.#parts
    const endsMs = system.clock.now() + timeoutMs
    const both = AbortSignal.any([this.#closed.signal, ...(signal === undefined ? [] : [signal])])
    const strict = await this.#strict.claim(name, pid, { signal: both, timeoutMs })
    try {
      // Who had it before has lost it, or this would not have been granted.
      const own = memory.claim({ name, pid, contract, resolver, isOver: true, strict })
      system.onAbort(strict.lost, () => memory.evict(own))
      await memory.through(own, Math.max(1, endsMs - system.clock.now()), signal)
      return strict.token
    } catch (error) {
      strict.release()
      throw error
    }
  }

  async #registerThere(order: Order): Promise<number | undefined> {
    const { name, pid, contract, isOver, mode, timeoutMs, signal, resolver } = order
    if (typeof resolver === 'function') {
      const what = 'a resolver function must be given on the node of the process'
      throw new GlobalRegistryError('ERR_GLOBAL_PROCESS', name, what)
    }
    const taken = this.#memory.claims.holder(name)
    if (!isOver && taken !== undefined && mode === 'eventual') {
      throw new GlobalNameConflictError(name, this.#parts.directory.nameOf(taken.node))
    }
    const { id: process, incarnation } = pid
    const request = requestOf({
      ...{ name, process, incarnation, contract, isOver, resolver, mode, timeoutMs },
    })
    const token = await this.#ask(name, pid.node, 'register', request, { timeoutMs, signal })
    return typeof token === 'number' ? token : undefined
  }

  async #unregister(name: string, given: SyncOptions | undefined): Promise<void> {
    const { timeoutMs = this.#options.timeoutMs, signal } = syncOptions(
      'globalRegistry.unregister',
      given,
    )
    const { directory } = this.#parts
    const nodes = new Set(this.#memory.claims.of(name).map(({ node }) => node))
    if (nodes.delete(directory.ownKeyHex)) this.#unregisterHere(name)
    for (const node of nodes) {
      const wait = { timeoutMs, signal }
      const answer = await this.#ask(name, node, 'unregister', name, wait)
      // The answer may be faster than the word that the claim is over.
      await this.#made?.sync.upTo(node, answer, wait)
    }
  }

  #unregisterHere(name: string): void {
    const own = this.#memory.registrar.own.get(name)
    if (own !== undefined) this.#memory.withdraw(own)
  }

  /** For a process that starts under the name: nobody waits for it to be through. */
  #claimFor(name: string, pid: Pid): boolean {
    const memory = this.#memory
    if (memory.claims.of(name).length > 0) return false
    const { resolver } = this.#options
    const how = { contract: undefined, resolver, isOver: false, strict: undefined }
    memory.watch(memory.claim({ name, pid, ...how }))
    return true
  }

  /** Asks the node of a process. */
  async #ask(
    name: string,
    keyHex: string,
    what: string,
    input: unknown,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<unknown> {
    const { peers, directory } = this.#parts
    // It gives up first, so that its answer is there in time.
    const timeoutMs = options.timeoutMs + ANSWER_MS
    try {
      return await peers.call(keyHex, NAMES_SERVICE, what, input, { ...options, timeoutMs })
    } catch (error) {
      const { code } = error as { readonly code?: unknown }
      switch (code) {
        case 'ERR_GLOBAL_NAME_TAKEN': {
          const by = this.#memory.claims.holder(name)?.node ?? keyHex
          throw new GlobalNameConflictError(name, directory.nameOf(by))
        }
        // The same codes wherever the process lives.
        case 'ERR_CALL_ABORTED':
          throw new GlobalRegistryError('ERR_GLOBAL_ABORTED', name, 'aborted', {
            cause: (error as Error).cause,
          })
        case 'ERR_CALL_TIMEOUT': {
          const nodeId = directory.nameOf(keyHex)
          this.#parts.refusals.count('ERR_GLOBAL_TIMEOUT', { name, nodes: [nodeId] })
          const what = `not answered within ${timeoutMs} ms`
          throw new GlobalTimeoutError(name, what, [nodeId])
        }
        default:
          throw error
      }
    }
  }

  /** Another node asks. */
  async #asked(what: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    const memory = this.#memory
    const { system } = this.#parts
    switch (what) {
      case 'version':
        return [system.incarnation, memory.topic.flush()]
      case 'unregister':
        if (typeof input !== 'string') throw badRequest()
        this.#unregisterHere(input)
        return [system.incarnation, memory.topic.flush()]
      case 'register': {
        const { process, incarnation, ...request } = readRequest(input)
        this.#checked(request.name)
        const pid = system.pidFor(system.node, process, incarnation)
        const timeoutMs = numberOption(1, this.#options.timeoutMs).test(request.timeoutMs)
          ? request.timeoutMs
          : this.#options.timeoutMs
        return (await this.#registerHere({ ...request, pid, timeoutMs, signal })) ?? null
      }
      default:
        throw badRequest()
    }
  }

  #checked(name: string): string {
    const { nameBytesMax } = this.#options
    if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= nameBytesMax) {
      return name
    }
    const what = `a name is a text of 1 to ${nameBytesMax} bytes`
    throw new GlobalRegistryError('ERR_GLOBAL_NAME_INVALID', String(name).slice(0, 64), what)
  }
}

/** How much longer than the node of a process who asks it waits. */
const ANSWER_MS = 1_000
