/** What catalogs say to each other; `protocol.ts` writes and reads it. */
import type { CatalogDetail, CatalogKind } from './catalog.ts'

/** A filter and what goes with it. */
export interface Item {
  readonly pattern: string
  readonly detail: CatalogDetail
}

/** Whose filters follow: those of the sender, or those of a peer at its edge that it tells for it. */
export interface Owner {
  /** Node key in hex; undefined for the sender itself. */
  readonly owner: string | undefined
  /** Life of the edge peer, and how late in it this was said; 0 for the sender. Higher is newer. */
  readonly life: number
  readonly stamp: number
}

/** Filters of one owner, with their details. */
export interface ItemGroup extends Owner {
  readonly items: readonly Item[]
}

/** Filters of one owner, without. */
export interface PatternGroup extends Owner {
  readonly patterns: readonly string[]
}

/**
 * One step of the sender's state of one kind, from a version to a later one, in one or more parts; from 0 it is the
 * whole state. The receiver takes it when it holds `from`, and holds `to` after the part that is `last`.
 */
export interface Step {
  readonly kind: CatalogKind
  /** Which life of the sender. */
  readonly life: number
  readonly from: number
  readonly to: number
  /** 0 for the first. */
  readonly part: number
  readonly last: boolean
}

/** A part with what is there now. */
export interface EntriesMessage extends Step {
  readonly type: 'entries'
  readonly groups: readonly ItemGroup[]
}

/** A part with what is there no more. */
export interface RemovalsMessage extends Step {
  readonly type: 'removals'
  readonly groups: readonly PatternGroup[]
}

/** One part of a step. */
export type StepMessage = EntriesMessage | RemovalsMessage

/**
 * What its sender holds of the receiver: the version, in which life; 0 and 0 for nothing.
 *
 * - `hello`: the first word on a link. It is answered with what is missing, and with an `ask`.
 * - `ask`: answered with what is missing.
 * - `ack`: not answered.
 */
export interface HeldMessage {
  readonly type: 'held'
  readonly kind: CatalogKind
  readonly mode: 'hello' | 'ask' | 'ack'
  readonly life: number
  readonly version: number
}

/** The receiver sent something under `name` for which its sender, whose state has that version, has no use. */
export interface UnwantedMessage {
  readonly type: 'unwanted'
  readonly kind: CatalogKind
  readonly name: string
  readonly life: number
  readonly version: number
}

/** A peer at the edge asks its gateway who wants or offers `name`, or what a filter matches: everything there is below it. */
export interface QuestionMessage {
  readonly type: 'question'
  readonly number: number
  readonly kind: CatalogKind
  readonly name: string
}

/** Entries of one node in an answer. */
export interface AnswerGroup {
  readonly node: string
  readonly via: string | undefined
  readonly items: readonly Item[]
}

/** The gateway answers, in one or more parts. */
export interface AnswerMessage {
  readonly type: 'answer'
  readonly number: number
  readonly last: boolean
  /** True of a gateway that has just begun: there may be others of which it has not heard yet. Goes with the last part. */
  readonly isPartial?: boolean | undefined
  readonly groups: readonly AnswerGroup[]
}

/** Everything that catalogs say. */
export type CatalogMessage =
  StepMessage | HeldMessage | UnwantedMessage | QuestionMessage | AnswerMessage

/** Both kinds. */
export const CATALOG_KINDS: readonly CatalogKind[] = Object.freeze(['topic', 'procedure'])

/** Whether two details say the same. */
export function sameDetail(a: CatalogDetail, b: CatalogDetail): boolean {
  if (a === b) return true
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && Object.is(a[name], b[name]))
}
