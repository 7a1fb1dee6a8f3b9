/** What a command asks of the DHT through a running node: the `params` of the control method `dht`. */
import { bytes, count, flag, invalid, milliseconds, requiredText, text } from './fields.ts'
import type { Fields } from './fields.ts'

/** Providers that one question may ask for; they must fit one line. */
export const CONTROL_PROVIDERS_MAX = 256

/** Providers asked for when nothing is said. */
export const CONTROL_PROVIDERS_DEFAULT = 64

const TTL_MS_MAX = 2_147_483_647

/** Dials of everything that asks other nodes. */
export interface DhtDials {
  readonly disjointPaths: number | undefined
  readonly alpha: number | undefined
}

/** See the file header. Keys are as users write them; the node knows what they mean. */
export type DhtQuestion =
  | (DhtDials &
      (
        | {
            readonly action: 'put'
            readonly value: Uint8Array
            /** For a value that can be replaced. */
            readonly name: string | undefined
            readonly ttlMs: number | undefined
            readonly quorum: number | undefined
            /** Not repeated: it ends with its time. */
            readonly once: boolean
          }
        | {
            readonly action: 'get'
            readonly key: string
            readonly publisher: string | undefined
            readonly quorum: number | undefined
          }
        | { readonly action: 'provide'; readonly key: string; readonly metadata: Uint8Array }
        | { readonly action: 'providers'; readonly key: string; readonly count: number }
        | { readonly action: 'lookup'; readonly key: string; readonly trace: boolean }
      ))
  /** A key, or the name under which this node has put something. */
  | { readonly action: 'withdraw'; readonly key: string }
  | { readonly action: 'withdraw'; readonly name: string }
  | { readonly action: 'table' }

/** What can be asked. */
export type DhtAction = DhtQuestion['action']

const ACTIONS: readonly DhtAction[] = [
  'put',
  'get',
  'provide',
  'providers',
  'withdraw',
  'table',
  'lookup',
]

/** Reads the parameters; throws `ERR_CONTROL_REQUEST_INVALID` naming the field. */
export function dhtQuestion(params: Fields): DhtQuestion {
  const action = params['action'] as DhtAction
  if (!ACTIONS.includes(action)) throw invalid('action', `one of ${ACTIONS.join(', ')}`)
  if (action === 'table') return { action }
  if (action === 'withdraw') {
    const name = text(params, 'name')
    return name === undefined ? { action, key: requiredText(params, 'key') } : { action, name }
  }
  const dials = {
    disjointPaths: count(params, 'disjointPaths', 16),
    alpha: count(params, 'alpha', 64),
  }
  switch (action) {
    case 'put': {
      const ttlMs = milliseconds(params, 'ttlMs')
      if (ttlMs !== undefined && ttlMs > TTL_MS_MAX) throw invalid('ttlMs', `${TTL_MS_MAX} at most`)
      return {
        ...{ ...dials, action, ttlMs, value: bytes(params, 'value'), name: text(params, 'name') },
        ...{ quorum: count(params, 'quorum', 64, 0), once: flag(params, 'once') },
      }
    }
    case 'get': {
      const publisher = text(params, 'publisher')
      const quorum = count(params, 'quorum', 64)
      return { ...dials, action, key: requiredText(params, 'key'), publisher, quorum }
    }
    case 'provide':
      return {
        ...{ ...dials, action, key: requiredText(params, 'key') },
        metadata: bytes(params, 'metadata'),
      }
    case 'providers': {
      const wanted = count(params, 'count', CONTROL_PROVIDERS_MAX) ?? CONTROL_PROVIDERS_DEFAULT
      return { ...dials, action, key: requiredText(params, 'key'), count: wanted }
    }
    case 'lookup':
      return {
        ...{ ...dials, action, key: requiredText(params, 'key') },
        trace: flag(params, 'trace'),
      }
  }
}
