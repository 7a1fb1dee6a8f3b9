/** The command lines of `fovea dht`, as a table that the adapter of commander reads. */
import { parseCount, parseMilliseconds, parseText } from './argument.ts'
import type { DhtArguments } from './command.ts'
import { CONTROL_PROVIDERS_MAX } from './control/dht-question.ts'
import {
  DHT_GET_TEXT,
  DHT_LOOKUP_TEXT,
  DHT_PROVIDE_TEXT,
  DHT_PROVIDERS_TEXT,
  DHT_PUT_TEXT,
  DHT_TABLE_TEXT,
  DHT_WITHDRAW_TEXT,
} from './help-texts.ts'

type Values = Readonly<Record<string, unknown>>

/** A flag; without `parse` it is there or not. */
export interface FlagRow {
  readonly flags: string
  readonly help: string
  readonly parse?: (value: string) => unknown
  readonly preset?: unknown
}

/** A command. */
export interface CommandRow {
  readonly name: string
  readonly summary: string
  readonly text: string
  readonly argument?: { readonly name: string; readonly help: string }
  readonly flags: readonly FlagRow[]
  /** All but what every command has. */
  readonly make: (values: Values, argument: string | undefined) => DhtWords
  /** What is wrong with them together. */
  readonly problem?: (values: Values, argument: string | undefined) => string | undefined
}

/** What a command line says; its values were checked by their flags. */
export interface DhtWords {
  readonly command: DhtArguments['command']
  readonly [field: string]: unknown
}

/** Flags of all of them. */
const COMMON: readonly FlagRow[] = [
  { flags: '--timeout-ms <ms>', help: 'give up after', parse: parseMilliseconds, preset: 30_000 },
]

/** Flags of those that ask other nodes. */
const DIALS: readonly FlagRow[] = [
  ...COMMON,
  {
    flags: '--disjoint-paths <count>',
    help: 'paths that share no node (default: 1)',
    parse: parseCount(16),
  },
  {
    flags: '--alpha <count>',
    help: 'requests at once per path (default: 10)',
    parse: parseCount(64),
  },
]

const KEY = { name: '<key>', help: 'a key, or words' } as const

/** See the file header. */
export const DHT_COMMANDS: readonly CommandRow[] = [
  {
    ...{ name: 'put', summary: 'keep a text', text: DHT_PUT_TEXT },
    argument: { name: '<text>', help: 'what to keep' },
    flags: [
      { flags: '--name <name>', help: 'a value that can be replaced', parse: parseText },
      {
        flags: '--ttl-ms <ms>',
        help: 'how long it lives (default: 48 h)',
        parse: parseMilliseconds,
      },
      {
        flags: '--quorum <count>',
        help: 'holders that must acknowledge, 0 for none (default: 1)',
        parse: parseCount(64, 0),
      },
      { flags: '--once', help: 'do not repeat it' },
      ...DIALS,
    ],
    make: (values, value) => ({
      ...{ command: 'dht put', value, name: values['name'], ttlMs: values['ttlMs'] },
      ...{ quorum: values['quorum'], once: values['once'] === true },
      ...dialsOf(values),
    }),
  },
  {
    ...{ name: 'get', summary: 'find a value', text: DHT_GET_TEXT },
    argument: { name: '<key>', help: 'its key, or its name' },
    flags: [
      {
        flags: '--publisher <node>',
        help: 'who put it under that name: key, id or name',
        parse: parseText,
      },
      {
        flags: '--quorum <count>',
        help: 'answers that must agree (default: 1)',
        parse: parseCount(64),
      },
      ...DIALS,
    ],
    make: (values, key) => ({
      ...{ command: 'dht get', key, publisher: values['publisher'], quorum: values['quorum'] },
      ...dialsOf(values),
    }),
  },
  {
    ...{ name: 'provide', summary: 'say that the running node provides something' },
    ...{ text: DHT_PROVIDE_TEXT, argument: KEY },
    flags: [
      { flags: '--metadata <text>', help: 'told to whoever finds it', parse: parseText },
      ...DIALS,
    ],
    make: (values, key) => ({
      ...{ command: 'dht provide', key, metadata: values['metadata'] },
      ...dialsOf(values),
    }),
  },
  {
    ...{ name: 'providers', summary: 'find who provides something', text: DHT_PROVIDERS_TEXT },
    argument: KEY,
    flags: [
      {
        flags: '--count <count>',
        help: 'end with so many (default: 64)',
        parse: parseCount(CONTROL_PROVIDERS_MAX),
      },
      ...DIALS,
    ],
    make: (values, key) => ({
      ...{ command: 'dht providers', key, count: values['count'] },
      ...dialsOf(values),
    }),
  },
  {
    ...{ name: 'withdraw', summary: 'stop repeating a value, or providing' },
    text: DHT_WITHDRAW_TEXT,
    argument: { name: '[key]', help: 'as it was printed, or words that were provided' },
    flags: [
      { flags: '--name <name>', help: 'a value that was put under that name', parse: parseText },
      ...COMMON,
    ],
    problem: ({ name }, key) =>
      (name === undefined) === (key === undefined)
        ? "'dht withdraw' takes a key, or '--name <name>'"
        : undefined,
    make: (values, key) => ({
      ...{ command: 'dht withdraw', key, name: values['name'] },
      timeoutMs: values['timeoutMs'],
    }),
  },
  {
    ...{ name: 'table', summary: 'who is known, by distance', text: DHT_TABLE_TEXT },
    flags: COMMON,
    make: (values) => ({ command: 'dht table', timeoutMs: values['timeoutMs'] }),
  },
  {
    ...{ name: 'lookup', summary: 'find the nodes nearest to a key', text: DHT_LOOKUP_TEXT },
    argument: { name: '<key>', help: 'a key, a member or words' },
    flags: [{ flags: '--trace', help: 'print the hops' }, ...DIALS],
    make: (values, key) => ({
      ...{ command: 'dht lookup', key, trace: values['trace'] === true },
      ...dialsOf(values),
    }),
  },
]

function dialsOf(values: Values): {
  readonly timeoutMs: number
  readonly disjointPaths: number | undefined
  readonly alpha: number | undefined
} {
  return {
    timeoutMs: values['timeoutMs'] as number,
    disjointPaths: values['disjointPaths'] as number | undefined,
    alpha: values['alpha'] as number | undefined,
  }
}
