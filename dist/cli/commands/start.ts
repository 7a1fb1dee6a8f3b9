/**
 * `fovea start`: runs a node until it is asked to stop, says what happens, leaves the mesh. A second
 * request to stop ends the program at once.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { formatReason, type Logger, type LogMethod } from '../../../runtime/index.ts'
import type { GatewayOptions } from '../../../mesh/index.ts'
import type { BehaviorRegistry } from '../../behavior-registry.ts'
import { nodeOptionsFromEnvironment } from '../../discovery/environment.ts'
import { createBehaviorRegistry, startNode, type FoveaNode } from '../../node.ts'
import type { StartArguments } from '../command.ts'
import { NodeTarget } from '../control/node-target.ts'
import { openControlServer, type ControlServer } from '../control/server.ts'
import { COUNTER, Counter } from '../counter.ts'
import { CliError } from '../errors.ts'
import type { CliIo, StopCause } from '../io.ts'
import { startObserver } from '../operations/observer.ts'
import { formatTime, formatValue, type Output, type Tone } from '../output.ts'
import { printable } from '../printable.ts'
import { SUPERVISED, SUPERVISED_HERE, supervisedServer, type Started } from '../supervised.ts'

/** Exit codes of a shell for a program ended by a signal. */
const ENDED_BY: Readonly<Record<StopCause, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  parent_gone: 129,
}

const EARLY_LINES_MAX = 1000

/** Runs a node; resolves when it has left. */
export async function start(options: StartArguments, io: CliIo, out: Output): Promise<void> {
  const stopAsked = stopRequests(io)
  const say = sayer(io, out)
  const log = new NodeLog(io, out, options.debug)
  const environment = nodeOptionsFromEnvironment(io.env)
  const registry = createBehaviorRegistry()
  offerBehaviours(registry, say)
  for (const file of options.load) await load(file, registry)
  const node = await startNode({
    nodeName: options.name,
    host: options.host,
    port: options.port,
    advertiseHost: options.advertiseHost,
    seeds: options.seeds,
    dataDir: options.dataDir,
    realm: options.realm,
    cluster: options.cluster,
    membership: options.preset,
    gateway: gatewayOf(options),
    discovery:
      options.discovery === undefined
        ? environment.discovery
        : { kind: options.discovery, autoCluster: true },
    behaviorRegistry: registry,
    clock: io.clock,
    entropy: io.entropy,
    logger: log.logger,
  })
  let control: ControlServer | undefined
  try {
    await startObserver(node.mesh)
    let tellReady: () => void = () => {}
    follow(node, new Promise((resolve) => (tellReady = resolve)), say)
    control = await openControl(options, node)
    announce(node, control, say)
    tellReady()
    log.open()
    const cause = await Promise.race([stopAsked.first, ended(node)])
    say('plain', { event: 'stopping', cause }, `stopping (${cause})`)
  } finally {
    await control?.stop()
    await node.stop()
    stopAsked.release()
  }
  say('plain', { event: 'stopped' }, 'stopped')
}

type Say = (
  tone: Tone,
  event: { readonly event: string; readonly [field: string]: unknown },
  text: string,
) => void

function sayer(io: CliIo, out: Output): Say {
  return (tone, event, text) => {
    const time = out.tone('faint', formatTime(io.clock.wallNow()))
    out.event(event, `${time} ${out.tone(tone, text)}`)
  }
}

function stopRequests(io: CliIo): {
  readonly first: Promise<StopCause>
  readonly release: () => void
} {
  let release: () => void = () => {}
  const first = new Promise<StopCause>((resolve) => {
    let asked = false
    release = io.onStop((cause) => {
      if (!asked) resolve(cause)
      else if (cause !== 'parent_gone') io.exitNow(ENDED_BY[cause])
      asked = true
    })
  })
  return { first, release }
}

/** A node whose mesh gave up is over, although nobody asked. */
async function ended(node: FoveaNode): Promise<never> {
  const reason = await node.ended
  throw new CliError('ERR_NODE_ENDED', `the node ended by itself: ${formatReason(reason)}`)
}

function offerBehaviours(registry: BehaviorRegistry, say: Say): void {
  const onStarted = (started: Started): void => {
    const how = started.restarts === 0 ? 'started' : `restarted (${started.restarts})`
    say('plain', { event: 'started', ...started }, `${started.name} ${how}: ${started.pid}`)
  }
  registry.register(COUNTER, Counter, { remote: true })
  const forOthers = supervisedServer({ registry, onStarted, remoteOnly: true })
  registry.register(SUPERVISED, forOthers, { remote: true })
  registry.register(SUPERVISED_HERE, supervisedServer({ registry, onStarted, remoteOnly: false }))
}

function gatewayOf({ gateway, healthPort }: StartArguments): GatewayOptions | boolean {
  return healthPort === undefined ? gateway : { health: { port: healthPort } }
}

async function load(file: string, registry: BehaviorRegistry): Promise<void> {
  const path = resolve(file)
  try {
    const module = (await import(pathToFileURL(path).href)) as { readonly register?: unknown }
    const { register } = module
    if (typeof register !== 'function') throw new Error('it exports no function register(registry)')
    await (register as (registry: BehaviorRegistry) => unknown)(registry)
  } catch (error) {
    const why = error instanceof Error ? error.message : formatReason(error)
    throw new CliError('ERR_LOAD_FAILED', `cannot load ${path}: ${why}`, { cause: error })
  }
}

async function openControl(
  options: StartArguments,
  node: FoveaNode,
): Promise<ControlServer | undefined> {
  const { dataDir } = options
  if (dataDir === undefined) return undefined
  return await openControlServer({
    dataDir,
    target: new NodeTarget(node),
    logger: node.system.logger,
  })
}

function announce(node: FoveaNode, control: ControlServer | undefined, say: Say): void {
  const { host, port } = node.mesh.address
  const facts = { node: node.id, key: node.key.hex, host, port, realm: node.mesh.realm.name }
  const healthPort = node.mesh.gateway?.healthPort
  const place = {
    ...(control === undefined ? {} : { control: control.path }),
    ...(healthPort === undefined ? {} : { healthPort }),
  }
  say(
    'strong',
    { event: 'ready', ...facts, osPid: process.pid, ...place },
    `${node.id} is ready, key ${node.key.hex.slice(0, 16)}, realm ${facts.realm}` +
      (healthPort === undefined ? '' : `; gateway, http://127.0.0.1:${healthPort}/health`) +
      (control === undefined ? '; no --data-dir, so no control socket' : ''),
  )
}

/** Says who comes and goes, once the node itself has been announced. */
function follow(node: FoveaNode, ready: Promise<void>, say: Say): void {
  node.cluster.onNodeUp((id, { key }) => {
    void ready.then(() => say('good', { event: 'node_up', node: id, key: key.hex }, `${id} is up`))
  })
  node.cluster.onNodeDown((id, reason, { key }) => {
    const event = { event: 'node_down', node: id, key: key.hex, reason }
    void ready.then(() => say('bad', event, `${id} is down: ${reason}`))
  })
}

/**
 * Log lines of the node: warnings and errors, everything with `--debug`. Those from before it is ready
 * are kept until then: when it cannot start, its error says all that its user needs.
 */
class NodeLog {
  readonly logger: Logger
  readonly #io: CliIo
  readonly #out: Output
  readonly #debug: boolean
  #kept: (() => void)[] | undefined = []

  constructor(io: CliIo, out: Output, debug: boolean) {
    this.#io = io
    this.#out = out
    this.#debug = debug
    const ignore = (): void => {}
    this.logger = {
      debug: debug ? this.#line('debug', 'faint') : ignore,
      info: debug ? this.#line('info', 'faint') : ignore,
      warn: this.#line('warn', 'warning'),
      error: this.#line('error', 'bad'),
    }
    if (debug) this.open()
  }

  open(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    for (const print of kept) print()
  }

  #line(level: keyof Logger, tone: Tone): LogMethod {
    return (fields, message) => {
      const print = (): void => this.#print(level, tone, fields, message)
      if (this.#kept === undefined) print()
      else if (this.#kept.length < EARLY_LINES_MAX) this.#kept.push(print)
    }
  }

  #print(
    level: keyof Logger,
    tone: Tone,
    fields: Readonly<Record<string, unknown>>,
    message: string,
  ): void {
    const text = Object.entries(fields)
      .filter(([key, value]) => key !== 'code' || !message.includes(String(value)))
      .map(([key, value]) => ` ${key}=${this.#valueOf(value)}`)
    const time = this.#out.tone('faint', formatTime(this.#io.clock.wallNow()))
    this.#out.event(
      { ...fields, event: 'log', level, message },
      `${time} ${this.#out.tone(tone, `${level}: ${message}`)}${text.join('')}`,
    )
  }

  /** An error is one line; its stack is for `--debug`. */
  #valueOf(value: unknown): string {
    return value instanceof Error && !this.#debug
      ? printable(formatReason(value))
      : formatValue(value)
  }
}
