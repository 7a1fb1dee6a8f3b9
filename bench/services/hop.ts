/** One program in a row: what it is told, what it says, and what it does for the bench of three hops. */
import type { Wire } from './hops-transport.ts'

/** What the parent says. */
export type HopOrder =
  /** There is no way to those nodes from now on. */
  | { readonly type: 'block'; readonly nodes: readonly { key: string; address: string }[] }
  | { readonly type: 'seed'; readonly seed: string }
  /** Offers the procedure and wants the messages. */
  | { readonly type: 'serve' }
  /** Answer when that node answers calls and gets messages. */
  | { readonly type: 'reach'; readonly key: string }
  | { readonly type: 'call'; readonly calls: number; readonly bytes: number; inFlight: number }
  | { readonly type: 'publish'; readonly messages: number; readonly bytes: number }
  /** Answer when so many messages have come. */
  | { readonly type: 'expect'; readonly messages: number }
  | { readonly type: 'cpu' }
  /** Forget what passed on the wire, and look for that text from now on. */
  | { readonly type: 'watch'; readonly mark: string }
  | { readonly type: 'trace' }

/** What a program says. */
export interface HopReply {
  readonly key?: string
  readonly nodeId?: string
  readonly address?: string
  /** Since the last `cpu`. */
  readonly microseconds?: number
  readonly tookMs?: readonly number[]
  readonly links?: readonly string[]
  readonly frames?: Readonly<Record<string, number>>
  readonly error?: string
}

/** What a program does for the bench, whatever its way. */
export interface Hop {
  readonly about: HopReply
  readonly serve?: (take: (bytes: number) => void) => Promise<unknown>
  readonly reach?: (key: string) => Promise<unknown>
  readonly call?: (input: string) => Promise<unknown>
  readonly publish?: (payload: Uint8Array) => void
  readonly block?: (nodes: readonly { key: string; address: string }[]) => void
  readonly seed?: (seed: string) => void
  readonly links?: () => readonly string[]
  readonly wire?: Wire
}
