/**
 * Windows into a running system through `node:diagnostics_channel`. A channel nobody listens to costs
 * one `hasSubscribers` check; no channel is used per message except the long-handler one.
 *
 * | channel | message |
 * |---|---|
 * | `fovea:process:start` | {@link ProcessEvent} |
 * | `fovea:process:exit` | {@link ProcessExitEvent}, for every end |
 * | `fovea:process:crash` | {@link ProcessExitEvent}, when its own code failed |
 * | `fovea:message:dropped` | {@link MessageDroppedEvent} |
 * | `fovea:handler:long` | {@link LongHandlerEvent} |
 */
import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { ExitReason } from './exit-reason.ts'
import type { ItemKindName } from './item.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/**
 * Names of the channels.
 *
 * @example
 * const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
 * const reasons: unknown[] = []
 * const onCrash = (event: unknown): void => void reasons.push((event as ProcessExitEvent).reason)
 * subscribe(inspectChannels.processCrash, onCrash)
 * defaultSystem().spawn(() => {
 *   throw 'oops'
 * })
 * await new Promise(setImmediate)
 * unsubscribe(inspectChannels.processCrash, onCrash)
 * assert.equal(reasons.length, 1)
 */
export const inspectChannels: Readonly<
  Record<'processStart' | 'processExit' | 'processCrash' | 'messageDropped' | 'handlerLong', string>
> = Object.freeze({
  processStart: 'fovea:process:start',
  processExit: 'fovea:process:exit',
  processCrash: 'fovea:process:crash',
  messageDropped: 'fovea:message:dropped',
  handlerLong: 'fovea:handler:long',
})

/** A process was started. */
export interface ProcessEvent {
  readonly pid: Pid
  readonly label: string
  readonly parent: Pid | undefined
}

/** A process ended. */
export interface ProcessExitEvent extends ProcessEvent {
  readonly reason: ExitReason
}

/** Why a message did not arrive; `evicted`: it was the oldest of a full mailbox. */
export type DropReason = 'noproc' | 'mailbox_full' | 'evicted' | 'noconnection'

/** A message went nowhere. Of calls only evicted ones are told, the others by their promise alone. */
export interface MessageDroppedEvent {
  readonly to: Pid | string
  readonly kind: 'cast' | 'info' | 'call'
  readonly name: string | undefined
  readonly reason: DropReason
}

/** A handler took long: its synchronous part, or it is still in flight. */
export interface LongHandlerEvent {
  readonly pid: Pid
  readonly label: string
  readonly kind: ItemKindName
  /** Of a call or cast. */
  readonly name: string | undefined
  /** So far, if it is in flight. */
  readonly tookMs: number
  /** An asynchronous handler that is not settled; told once. False: it held the event loop. */
  readonly inFlight: boolean
}

const startChannel: Channel = channel(inspectChannels.processStart)
const exitChannel: Channel = channel(inspectChannels.processExit)
const crashChannel: Channel = channel(inspectChannels.processCrash)
const droppedChannel: Channel = channel(inspectChannels.messageDropped)

/** The scheduler measures handlers only while this channel has subscribers. */
export const longHandlerChannel: Channel = channel(inspectChannels.handlerLong)

/** Tells that a process was started. */
export function publishStart(cell: ProcessCell): void {
  if (!startChannel.hasSubscribers) return
  const { pid, label, parent } = cell
  startChannel.publish({ pid, label, parent } satisfies ProcessEvent)
}

/** Tells that a process ended, and that it crashed. */
export function publishExit(cell: ProcessCell, reason: ExitReason, crashed: boolean): void {
  if (!exitChannel.hasSubscribers && !crashChannel.hasSubscribers) return
  const { pid, label, parent } = cell
  const event = { pid, label, parent, reason } satisfies ProcessExitEvent
  exitChannel.publish(event)
  if (crashed) crashChannel.publish(event)
}

/** Tells that a message went nowhere. */
export function publishDropped(event: MessageDroppedEvent): void {
  if (droppedChannel.hasSubscribers) droppedChannel.publish(event)
}

/** Tells that a handler took or takes long. */
export function publishLongHandler(event: LongHandlerEvent): void {
  if (longHandlerChannel.hasSubscribers) longHandlerChannel.publish(event)
}
