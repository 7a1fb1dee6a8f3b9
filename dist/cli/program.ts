/**
 * The adapter of commander: argument lists to {@link Command}s. Pure: nothing is run and nothing is
 * printed here, so every line of every usage message has a table test.
 */
import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander'
import {
  ArgumentProblem,
  parseAddress,
  parseCluster,
  parseCount,
  parseDiscovery,
  parseEventType,
  parseJson,
  parseMilliseconds,
  parseNodeKey,
  parseNodeName,
  parsePort,
  parsePreset,
  parseSeed,
  parseText,
} from './argument.ts'
import type { MembershipPreset } from '../../mesh/index.ts'
import { nodeOptionsFromEnvironment } from '../discovery/environment.ts'
import type { DiscoveryKind } from '../discovery/options.ts'
import type { Command, CommonArguments, DhtArguments, ServicesArguments } from './command.ts'
import { CONTROL_REPEAT_MAX, CONTROL_TOPOLOGY_NODES_MAX } from './control/protocol.ts'
import { DHT_COMMANDS } from './dht-program.ts'
import {
  CALL_DESCRIPTION,
  CLUSTER_HELP,
  DATA_DIR_CLIENT,
  DATA_DIR_START,
  DATA_DIR_VARIABLE,
  DEMO_DESCRIPTION,
  DHT_TEXT,
  DISCOVERY_HELP,
  EDGE_HELP,
  EDGE_REALM_HELP,
  EVENTS_TEXT,
  EXAMPLES,
  JOIN_TEXT,
  GATEWAY_HELP,
  HEALTH_PORT_HELP,
  LOAD_HELP,
  MEMBERS_TEXT,
  NODE_HELP,
  PORT_HELP,
  PRESET_HELP,
  REALM_CREATE_DESCRIPTION,
  REALM_DESCRIPTION,
  REALM_ISSUE_DESCRIPTION,
  REALM_START,
  REALM_VARIABLE,
  SPAWN_DESCRIPTION,
  START_DESCRIPTION,
  STATS_TEXT,
  TOPOLOGY_TEXT,
} from './help-texts.ts'
import { MEMBER_EVENT_TYPES, type MemberEventType } from './operations/member-row.ts'
import { reachOf } from './edge-program.ts'
import { SERVICE_COMMANDS } from './service-program.ts'

/** What an argument list means. */
export type Parsed =
  | { readonly type: 'command'; readonly command: Command }
  /** Help or the version was asked for. */
  | { readonly type: 'shown'; readonly text: string }
  /** The arguments are wrong; `usage` is what to print below the message. */
  | { readonly type: 'usage'; readonly message: string; readonly usage: string }

const HELP_WIDTH = 100
const MESSAGE_END_CHARS = 200
const MEMBERSHIP_DAYS = 365
const MEMBERSHIP_DAYS_MAX = 36_500

/**
 * Parses the arguments after the program's name.
 *
 * @example
 * parseArguments(['members', '--data-dir', 'a'], { version: '1.0.0', env: {} })
 */
export function parseArguments(
  argv: readonly string[],
  options: {
    readonly version: string
    readonly env: Readonly<Record<string, string | undefined>>
  },
): Parsed {
  const parse = new Parse(options.env)
  const root = parse.build(options.version)
  try {
    root.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return parse.outcome(error)
  }
  if (parse.command === undefined) throw new CommanderError(1, 'fovea.noAction', 'no command ran')
  return { type: 'command', command: parse.command }
}

type Values = Readonly<Record<string, unknown>>

class Parse {
  command: Command | undefined
  readonly #env: Readonly<Record<string, string | undefined>>
  #text = ''
  #failedAt: Commander | undefined

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env
  }

  build(version: string): Commander {
    const root = new Commander('fovea')
      .description('An OTP for TypeScript whose nodes form an encrypted mesh over QUIC.')
      .version(version, '-V, --version', 'print the version')
      .helpCommand('help [command]', 'print the help of a command')
      .addHelpText('after', EXAMPLES.root)
    this.#start(root)
    this.#mesh(root)
    this.#clients(root)
    this.#dht(root)
    this.#services(root)
    this.#ref(root)
    this.#realm(root)
    this.#leaf(root.command('demo'), () => ({ command: 'demo' }))
      .summary('show a mesh of three nodes: join, spawn, call, crash, kill, leave')
      .description(DEMO_DESCRIPTION)
      .addHelpText('after', EXAMPLES.demo)
    this.#prepare(root)
    return root
  }

  outcome(error: CommanderError): Parsed {
    if (error.exitCode === 0) return { type: 'shown', text: this.#text.trimEnd() }
    if (error.code === 'commander.help') {
      return { type: 'usage', message: 'a command is missing', usage: this.#text.trimEnd() }
    }
    const at = this.#failedAt
    const path = at === undefined ? 'fovea' : pathOf(at)
    const usage = at === undefined ? '' : `Usage: ${path} ${at.usage()}\n`
    const message = shortened(error.message.replace(/^error: /, ''))
    return { type: 'usage', message, usage: `${usage}See: ${path} --help` }
  }

  #start(root: Commander): void {
    const start = root
      .command('start')
      .summary('run a node until Ctrl-C')
      .description(START_DESCRIPTION)
      .requiredOption('--name <name>', 'name of this node', checked(parseNodeName))
      .option('--host <address>', 'address to bind', checked(parseText), '127.0.0.1')
      .option('--port <number>', PORT_HELP, checked(parsePort), defaultPort(this.#env))
      .option('--advertise-host <host>', 'what other nodes dial', checked(parseText))
      .option('--seed <name@host:port>', 'a node to join; may be repeated', collect(parseSeed))
      .option('--data-dir <dir>', DATA_DIR_START, checked(parseText), this.#env[DATA_DIR_VARIABLE])
      .option('--realm <file>', REALM_START, checked(parseText), this.#env[REALM_VARIABLE])
      .option('--cluster <name>', CLUSTER_HELP, checked(parseCluster))
      .option('--preset <preset>', PRESET_HELP, checked(parsePreset))
      .option('--discovery <kind>', DISCOVERY_HELP, checked(parseDiscovery))
      .option('--load <file.js>', LOAD_HELP, collect(parseText))
      .option('--gateway', GATEWAY_HELP, false)
      .addOption(
        new Option('--health-port <number>', HEALTH_PORT_HELP)
          .argParser(checked(parsePort))
          .implies({ gateway: true }),
      )
      .addHelpText('after', EXAMPLES.start)
    this.#leaf(start, (values) => ({
      command: 'start',
      name: values['name'] as string,
      host: values['host'] as string,
      port: values['port'] as number,
      advertiseHost: values['advertiseHost'] as string | undefined,
      seeds: (values['seed'] as string[] | undefined) ?? [],
      dataDir: values['dataDir'] as string | undefined,
      realm: values['realm'] as string | undefined,
      cluster: values['cluster'] as string | undefined,
      preset: values['preset'] as MembershipPreset | undefined,
      load: (values['load'] as string[] | undefined) ?? [],
      gateway: values['gateway'] === true,
      healthPort: values['healthPort'] as number | undefined,
      discovery: values['discovery'] as DiscoveryKind | undefined,
    }))
  }

  /** What an operator asks about the mesh. */
  #mesh(root: Commander): void {
    const join = root
      .command('join')
      .summary('join the running node with another one')
      .description(JOIN_TEXT)
      .argument('<address>', 'name@host:port, or host:port', checked(parseAddress))
      .option('--timeout-ms <ms>', 'give up after', checked(parseMilliseconds), 10_000)
      .addHelpText('after', EXAMPLES.join)
    this.#client(join, (values, args, common) => ({
      command: 'join',
      ...common,
      address: args[0] as string,
      timeoutMs: values['timeoutMs'] as number,
    }))

    const members = root
      .command('members')
      .summary('who is in the mesh')
      .description(MEMBERS_TEXT)
      .option('--watch', 'go on showing changes', false)
      .addHelpText('after', EXAMPLES.members)
    this.#client(members, (values, _args, common) => ({
      command: 'members',
      ...common,
      watch: values['watch'] === true,
    }))

    const topology = root
      .command('topology')
      .summary('who keeps a link to whom')
      .description(TOPOLOGY_TEXT)
      .option('--nodes-max <count>', 'ask so many nodes at most (default: 256)', topologyNodes)
      .option('--timeout-ms <ms>', 'give up after', checked(parseMilliseconds), 5000)
      .addHelpText('after', EXAMPLES.topology)
    this.#client(topology, (values, _args, common) => ({
      command: 'topology',
      ...common,
      nodesMax: values['nodesMax'] as number | undefined,
      timeoutMs: values['timeoutMs'] as number,
    }))

    const stats = root.command('stats').summary('what the running node counts')
    stats.description(STATS_TEXT).addHelpText('after', EXAMPLES.stats)
    this.#client(stats, (_values, _args, common) => ({ command: 'stats', ...common }))
    this.#events(root)
  }

  #events(root: Commander): void {
    const events = root
      .command('events')
      .summary('who suspected whom, when, on whose word')
      .description(EVENTS_TEXT)
      .option('--follow', 'go on with new changes until Ctrl-C', false)
      .option('--node <node>', 'only changes of this node: its id, name or key', checked(parseText))
      .option('--by <node>', 'only on the word of this node', checked(parseText))
      .option('--type <type>', `only this type: ${MEMBER_EVENT_TYPES.join(', ')}`, eventTypes)
      .option('--last <count>', 'only so many of what is remembered', checked(parseCount(1e9)))
      .addHelpText('after', EXAMPLES.events)
    this.#client(events, (values, _args, common) => ({
      command: 'events',
      ...common,
      follow: values['follow'] === true,
      node: values['node'] as string | undefined,
      by: values['by'] as string | undefined,
      types: (values['type'] as MemberEventType[] | undefined) ?? [],
      last: values['last'] as number | undefined,
    }))
  }

  #clients(root: Commander): void {
    const ping = root
      .command('ping')
      .summary('measure a round trip to a node')
      .description('Measures a round trip from the running node to another one.')
      .argument('<node>', NODE_HELP, checked(parseText))
      .option('--timeout-ms <ms>', 'give up after', checked(parseMilliseconds), 5000)
      .addHelpText('after', EXAMPLES.ping)
    this.#client(ping, (values, args, common) => ({
      command: 'ping',
      ...common,
      node: args[0] as string,
      timeoutMs: values['timeoutMs'] as number,
    }))

    const spawn = root
      .command('spawn')
      .summary('start a process')
      .description(SPAWN_DESCRIPTION)
      .argument('<behaviour>', 'registered name of the behaviour', checked(parseText))
      .option('--node <node>', NODE_HELP, checked(parseText))
      .option('--name <name>', 'name to register where it runs', checked(parseText))
      .option('--arg <json>', 'argument of its init', checked(parseJson))
      .option('--supervised', 'restart it when it crashes; needs --name', false)
      .option('--timeout-ms <ms>', 'give up after', checked(parseMilliseconds), 5000)
      .addHelpText('after', EXAMPLES.spawn)
    this.#client(spawn, (values, args, common) => {
      const supervised = values['supervised'] === true
      if (supervised && values['name'] === undefined) {
        spawn.error("error: option '--supervised' needs '--name <name>'")
      }
      return {
        command: 'spawn',
        ...common,
        behaviour: args[0] as string,
        node: values['node'] as string | undefined,
        name: values['name'] as string | undefined,
        arg: values['arg'],
        supervised,
        timeoutMs: values['timeoutMs'] as number,
      }
    })
  }

  #dht(root: Commander): void {
    const dht = root.command('dht').summary('values, providers and lookups')
    dht.description(DHT_TEXT).addHelpText('after', EXAMPLES.dht)
    for (const { name, summary, text, argument, flags, make, problem } of DHT_COMMANDS) {
      const command = dht.command(name).summary(summary).description(text)
      if (argument !== undefined) {
        command.argument(argument.name, argument.help, checked(parseText))
      }
      for (const { flags: of, help, parse, preset } of flags) {
        if (parse === undefined) command.option(of, help, false)
        else command.option(of, help, checked(parse), preset)
      }
      this.#client<DhtArguments>(command, (values, args, common) => {
        const given = args[0] as string | undefined
        const wrong = problem?.(values, given)
        if (wrong !== undefined) command.error(`error: ${wrong}`)
        return { ...make(values, given), ...common } as unknown as Rest<DhtArguments>
      })
    }
  }

  #services(root: Commander): void {
    for (const row of SERVICE_COMMANDS) {
      const command = root.command(row.name).summary(row.summary).description(row.text)
      for (const { name, help, parse } of row.arguments) {
        command.argument(name, help, checked(parse))
      }
      for (const { flags, help, parse, preset, required } of row.flags) {
        if (parse === undefined) command.option(flags, help, false)
        else if (required === true) command.requiredOption(flags, help, checked(parse))
        else command.option(flags, help, checked(parse), preset)
      }
      command.addHelpText('after', row.examples)
      if (row.isForEdge === true) this.#reach<ServicesArguments>(command, row.make)
      else
        this.#client<ServicesArguments>(
          command,
          (values, args, common) =>
            ({ ...row.make(values, args), ...common }) as unknown as Rest<ServicesArguments>,
        )
    }
  }

  #ref(root: Commander): void {
    const ref = root.command('ref').summary('talk to a process by its name')
    ref.description('Talks to a process that is registered under a name.')
    const call = ref
      .command('call')
      .summary('call a process and print its reply')
      .description(CALL_DESCRIPTION)
      .argument('<name>', 'registered name of the process', checked(parseText))
      .argument('<method>', 'method of its contract', checked(parseText))
      .argument('[input]', 'its input as JSON', checked(parseJson))
      .option('--node <node>', NODE_HELP, checked(parseText))
      .option('--repeat <count>', 'call so often and time it', repeatCount, 1)
      .option('--timeout-ms <ms>', 'deadline of each call', checked(parseMilliseconds), 5000)
      .addHelpText('after', EXAMPLES.call)
    this.#client(call, (values, args, common) => ({
      command: 'ref call',
      ...common,
      name: args[0] as string,
      method: args[1] as string,
      input: args[2],
      node: values['node'] as string | undefined,
      repeat: values['repeat'] as number,
      timeoutMs: values['timeoutMs'] as number,
    }))

    const monitor = ref
      .command('monitor')
      .summary('wait until a process ends and print why')
      .description('Monitors a process; prints the reason when it ends.')
      .argument('<name>', 'registered name of the process', checked(parseText))
      .option('--node <node>', NODE_HELP, checked(parseText))
      .addHelpText('after', EXAMPLES.monitor)
    this.#client(monitor, (values, args, common) => ({
      command: 'ref monitor',
      ...common,
      name: args[0] as string,
      node: values['node'] as string | undefined,
    }))
  }

  #realm(root: Commander): void {
    const realm = root.command('realm').summary('make realms and let nodes in')
    realm.description(REALM_DESCRIPTION)
    const create = realm
      .command('create')
      .summary('make a realm file')
      .description(REALM_CREATE_DESCRIPTION)
      .argument('<name>', 'reverse DNS, for example com.example.dev', checked(parseText))
      .requiredOption('--out <file>', 'where to write it; refuses to overwrite', checked(parseText))
      .option('--public-out <file>', 'the same without its authority key', checked(parseText))
      .addHelpText('after', EXAMPLES.realmCreate)
    this.#leaf(create, (values, args) => ({
      command: 'realm create',
      name: args[0] as string,
      out: values['out'] as string,
      publicOut: values['publicOut'] as string | undefined,
    }))

    const issue = realm
      .command('issue')
      .summary('sign the membership of one node')
      .description(REALM_ISSUE_DESCRIPTION)
      .argument('<nodekey>', 'its key: 64 hexadecimal digits', checked(parseNodeKey))
      .requiredOption('--realm <file>', 'realm file with its authority key', checked(parseText))
      .option('--valid-days <days>', 'how long it is valid', validDays, MEMBERSHIP_DAYS)
      .option('--out <file>', 'write it there instead of printing it', checked(parseText))
      .addHelpText('after', EXAMPLES.realmIssue)
    this.#leaf(issue, (values, args) => ({
      command: 'realm issue',
      nodeKey: args[0] as string,
      realm: values['realm'] as string,
      validDays: values['validDays'] as number,
      out: values['out'] as string | undefined,
    }))
  }

  /** A command that asks a running node. */
  #client<C extends Command>(
    command: Commander,
    make: (
      values: Values,
      args: readonly unknown[],
      common: { readonly dataDir: string },
    ) => Rest<C>,
  ): void {
    const preset = this.#env[DATA_DIR_VARIABLE]
    if (preset === undefined || preset === '') {
      command.requiredOption('--data-dir <dir>', DATA_DIR_CLIENT, checked(parseText))
    } else command.option('--data-dir <dir>', DATA_DIR_CLIENT, checked(parseText), preset)
    this.#leaf<C>(command, (values, args) =>
      make(values, args, { dataDir: values['dataDir'] as string }),
    )
  }

  /** A command that asks a running node, or is a peer at the edge itself. */
  #reach<C extends Command>(
    command: Commander,
    make: (values: Values, args: readonly unknown[]) => Readonly<Record<string, unknown>>,
  ): void {
    const [dataDir, realm] = [this.#env[DATA_DIR_VARIABLE], this.#env[REALM_VARIABLE]]
    command
      .option('--data-dir <dir>', DATA_DIR_CLIENT, checked(parseText), dataDir || undefined)
      .option('--gateway <address>', EDGE_HELP, collect(parseAddress))
      .option('--realm <file>', EDGE_REALM_HELP, checked(parseText), realm || undefined)
    const isTyped = (name: string): boolean => command.getOptionValueSource(name) === 'cli'
    this.#leaf<C>(command, (values, args) => {
      const reach = reachOf({
        dataDir: values['dataDir'] as string | undefined,
        gateways: (values['gateway'] as string[] | undefined) ?? [],
        realm: values['realm'] as string | undefined,
        ...{ isDataDirTyped: isTyped('dataDir'), isRealmTyped: isTyped('realm') },
      })
      if ('problem' in reach) command.error(`error: ${reach.problem}`)
      return { ...make(values, args), ...reach } as unknown as Rest<C>
    })
  }

  #leaf<C extends Command>(
    command: Commander,
    make: (values: Values, args: readonly unknown[]) => Rest<C>,
  ): Commander {
    return command
      .option('--json', 'one JSON object per line', false)
      .option('--debug', 'print stack traces and debug lines', false)
      .action(() => {
        const values = command.opts<Values>()
        const common: CommonArguments = {
          json: values['json'] === true,
          debug: values['debug'] === true,
        }
        this.command = { ...make(values, command.processedArgs), ...common } as unknown as C
      })
  }

  #prepare(command: Commander): void {
    command
      // Broken into lines once, at the width of the help.
      .description(command.description().replaceAll('\n', ' '))
      .configureHelp({ showGlobalOptions: false })
      .configureOutput({
        writeOut: (text) => void (this.#text += text),
        writeErr: (text) => void (this.#text += text),
        outputError: () => {},
        getOutHelpWidth: () => HELP_WIDTH,
        getErrHelpWidth: () => HELP_WIDTH,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      })
      .exitOverride((error) => {
        this.#failedAt = command
        throw error
      })
    for (const child of command.commands) this.#prepare(child)
  }
}

/** What a command's own builder gives: all but the common flags. */
type Rest<C extends Command> = C extends unknown ? Omit<C, keyof CommonArguments> : never

/** A wrong value may be long; what is wrong with it stands at the end. */
function shortened(message: string): string {
  if (message.length <= 2 * MESSAGE_END_CHARS) return message
  return `${message.slice(0, MESSAGE_END_CHARS)} ... ${message.slice(-MESSAGE_END_CHARS)}`
}

function pathOf(command: Commander): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

const PORT = 4_433

/** A variable that is no port is refused by the command that it concerns, not by all of them. */
function defaultPort(env: Readonly<Record<string, string | undefined>>): number {
  try {
    return nodeOptionsFromEnvironment(env).port ?? PORT
  } catch {
    return PORT
  }
}

function checked<T>(parse: (value: string) => T): (value: string) => T {
  return (value) => {
    try {
      return parse(value)
    } catch (error) {
      if (error instanceof ArgumentProblem) throw new InvalidArgumentError(`${error.message}.`)
      throw error
    }
  }
}

function collect<T>(parse: (value: string) => T): (value: string, before?: T[]) => T[] {
  const check = checked(parse)
  return (value, before = []) => [...before, check(value)]
}

const repeatCount = checked(parseCount(CONTROL_REPEAT_MAX))
const topologyNodes = checked(parseCount(CONTROL_TOPOLOGY_NODES_MAX))
const eventTypes = collect(parseEventType)
const validDays = checked(parseCount(MEMBERSHIP_DAYS_MAX))
