/** What goes into the catalog core and comes out of it. */
import type { NodeKind } from '../wire/check.ts'
import type { CatalogChange, CatalogKind } from './catalog.ts'
import type { CatalogErrorCode } from './errors.ts'
import type { HeldMessage, StepMessage, UnwantedMessage } from './message.ts'

/** What a node says of one kind before it says anything else: the version, and how many entries that is. */
export interface CatalogState {
  readonly version: number
  readonly entries: number
}

/** See {@link CatalogInput}. */
export interface LinkStates {
  readonly own: Readonly<Record<CatalogKind, CatalogState>>
  readonly peer: Readonly<Record<CatalogKind, CatalogState>>
}

/** What has happened. Own entries are no inputs: see `CatalogCore.set`. */
export type CatalogInput =
  /** A link came up. `life` is the incarnation of the peer. */
  | {
      readonly type: 'linked'
      readonly peer: string
      readonly life: number
      readonly role: NodeKind
      /** What both said in the handshake; undefined when one of them said nothing, or the link is older than this. */
      readonly states?: LinkStates | undefined
    }
  | { readonly type: 'unlinked'; readonly peer: string }
  /** Membership: that node is there, or is not (down, left). */
  | { readonly type: 'member'; readonly node: string; readonly there: boolean }
  /** A message came over the link with that peer. */
  | {
      readonly type: 'message'
      readonly from: string
      readonly message: StepMessage | HeldMessage
    }
  /** A node, with a link or without, has no use for something that was sent to it. */
  | { readonly type: 'unwanted'; readonly from: string; readonly message: UnwantedMessage }
  /** A peer that was full takes messages again. */
  | { readonly type: 'drained'; readonly peer: string }
  | { readonly type: 'tick' }

/** What became of a message: queued, queued but enough for now, or not taken. */
export type CatalogSent = 'sent' | 'full' | 'refused'

/** What the core wants done. */
export interface CatalogSink {
  send(to: string, message: StepMessage | HeldMessage | UnwantedMessage): CatalogSent
  /** Entries of others have changed. */
  changed(change: CatalogChange): void
  /** A peer at the edge of this gateway has that, or has it no more; once for each that does. */
  relayed(kind: CatalogKind, pattern: string, there: boolean): void
  /** Everything that a linked peer wants and offers is known now. */
  synced(peer: string): void
  /** It is not known any more whether the entries of that member are all there. */
  unsynced(peer: string): void
  refused(code: CatalogErrorCode, from: string, times?: number): void
}
