/** The command lines of topics and procedures, as a table that the adapter of commander reads. */
import { parseCount, parseJson, parseMilliseconds, parseQos, parseText } from './argument.ts'
import type { ServicesArguments } from './command.ts'
import type { FlagRow } from './dht-program.ts'
import {
  ADVERTISE_EXAMPLES,
  ADVERTISE_TEXT,
  PRESENCE_EXAMPLES,
  PRESENCE_TEXT,
  PUBLISH_EXAMPLES,
  PUBLISH_TEXT,
  RPC_CALL_EXAMPLES,
  RPC_CALL_TEXT,
  SERVICES_EXAMPLES,
  SERVICES_TEXT,
  SUBSCRIBE_EXAMPLES,
  SUBSCRIBE_TEXT,
  TOPICS_EXAMPLES,
  TOPICS_TEXT,
} from './help-texts.ts'

type Values = Readonly<Record<string, unknown>>

/** An argument in its place. */
export interface ArgumentRow {
  readonly name: string
  readonly help: string
  readonly parse: (value: string) => unknown
}

/** A command. */
export interface ServiceCommandRow {
  readonly name: ServicesArguments['command']
  readonly summary: string
  readonly text: string
  readonly examples: string
  readonly arguments: readonly ArgumentRow[]
  readonly flags: readonly (FlagRow & { readonly required?: boolean })[]
  /** Whether it can be done at the edge, through a gateway, as well. */
  readonly isForEdge?: boolean
  /** All but what every command has. */
  readonly make: (values: Values, args: readonly unknown[]) => Readonly<Record<string, unknown>>
}

const MESSAGES_MAX = 1_000_000_000

const timeout = (preset: number): FlagRow => ({
  ...{ flags: '--timeout-ms <ms>', help: 'give up after', parse: parseMilliseconds, preset },
})

const TOPIC: ArgumentRow = {
  ...{ name: '<topic>', help: 'segments joined by dots', parse: parseText },
}
const PROCEDURE: ArgumentRow = {
  ...{ name: '<procedure>', help: 'its name: segments joined by dots', parse: parseText },
}

/** See the file header. */
export const SERVICE_COMMANDS: readonly ServiceCommandRow[] = [
  {
    ...{ name: 'publish', summary: 'publish a message', text: PUBLISH_TEXT },
    isForEdge: true,
    examples: PUBLISH_EXAMPLES,
    arguments: [TOPIC, { name: '<json>', help: 'what it says', parse: parseJson }],
    flags: [
      { flags: '--qos <level>', help: '0: sent once; 1: acknowledged', parse: parseQos, preset: 0 },
      { flags: '--retain', help: 'keep it for those who subscribe later' },
      timeout(10_000),
    ],
    make: ({ qos, retain, timeoutMs }, [topic, payload]) => ({
      ...{ command: 'publish', topic, payload, qos, retain: retain === true, timeoutMs },
    }),
  },
  {
    ...{ name: 'subscribe', summary: 'print the messages of topics', text: SUBSCRIBE_TEXT },
    isForEdge: true,
    examples: SUBSCRIBE_EXAMPLES,
    arguments: [
      {
        name: '<filter>',
        help: 'a topic; * is one segment, ** any number of them',
        parse: parseText,
      },
    ],
    flags: [
      { flags: '--group <name>', help: 'of its members one gets each message', parse: parseText },
      { flags: '--count <count>', help: 'end after so many', parse: parseCount(MESSAGES_MAX) },
      { flags: '--timeout-ms <ms>', help: 'end after', parse: parseMilliseconds },
    ],
    make: ({ group, count, timeoutMs }, [filter]) => ({
      ...{ command: 'subscribe', filter, group, count, timeoutMs },
    }),
  },
  {
    ...{ name: 'call', summary: 'call a procedure and print its result', text: RPC_CALL_TEXT },
    isForEdge: true,
    examples: RPC_CALL_EXAMPLES,
    arguments: [PROCEDURE, { name: '[json]', help: 'its input, if any', parse: parseJson }],
    flags: [timeout(5_000)],
    make: ({ timeoutMs }, [procedure, input]) => ({
      ...{ command: 'call', procedure, input, timeoutMs },
    }),
  },
  {
    ...{ name: 'advertise', summary: 'offer a procedure until Ctrl-C', text: ADVERTISE_TEXT },
    isForEdge: true,
    examples: ADVERTISE_EXAMPLES,
    arguments: [{ ...PROCEDURE, help: 'its name, or a pattern that covers many' }],
    flags: [
      { flags: '--reply <json>', help: 'what callers get', parse: parseJson, required: true },
    ],
    make: ({ reply }, [procedure]) => ({ command: 'advertise', procedure, reply }),
  },
  {
    ...{ name: 'services', summary: 'who offers which procedures', text: SERVICES_TEXT },
    isForEdge: true,
    examples: SERVICES_EXAMPLES,
    arguments: [{ name: '[name]', help: 'only this name or pattern', parse: parseText }],
    flags: [timeout(5_000)],
    make: ({ timeoutMs }, [name]) => ({ command: 'services', name, timeoutMs }),
  },
  {
    ...{ name: 'topics', summary: 'what the running node subscribes to', text: TOPICS_TEXT },
    examples: TOPICS_EXAMPLES,
    arguments: [],
    flags: [timeout(5_000)],
    make: ({ timeoutMs }) => ({ command: 'topics', timeoutMs }),
  },
  {
    ...{ name: 'presence', summary: 'who is present in a topic', text: PRESENCE_TEXT },
    isForEdge: true,
    examples: PRESENCE_EXAMPLES,
    arguments: [TOPIC],
    flags: [
      { flags: '--watch', help: 'go on showing who joins and leaves' },
      {
        ...{ flags: '--timeout-ms <ms>', help: 'wait so long for nodes that have not told' },
        ...{ parse: parseMilliseconds, preset: 2_000 },
      },
    ],
    make: ({ watch, timeoutMs }, [topic]) => ({
      ...{ command: 'presence', topic, watch: watch === true, timeoutMs },
    }),
  },
]
