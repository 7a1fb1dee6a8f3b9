/**
 * The boundary that a simulated core is driven through: inputs and time in, effects out, the same for
 * every protocol written as a synchronous machine. `SwimCore` fits it as it is.
 */

/** A node by address, with its id when that is known. */
export interface NodeContact {
  readonly id: string | undefined
  readonly host: string
  readonly port: number
}

/** What the world itself tells a core; a protocol's commands come on top. */
export type CoreInput<Datagram, Request, Reply> =
  | { readonly type: 'datagram'; readonly from: string; readonly message: Datagram }
  | {
      readonly type: 'request'
      readonly from: string
      readonly replyId: number
      readonly message: Request
    }
  | {
      readonly type: 'reply'
      readonly requestId: number
      readonly from: string
      readonly message: Reply
    }
  | { readonly type: 'request_failed'; readonly requestId: number }
  | { readonly type: 'tick' }
  | { readonly type: 'persisted'; readonly generation: number }

/** What a core wants done; the world is this sink. */
export interface CoreSink<Datagram, Request, Reply, Event> {
  send(to: string, message: Datagram): void
  request(requestId: number, to: NodeContact, message: Request, deadlineMs: number): void
  cancel(requestId: number): void
  reply(replyId: number, message: Reply): void
  event(event: Event): void
  persist(generation: number): void
  refused(code: string, from: string | undefined): void
  left(): void
}

/** A synchronous machine. */
export interface Core<Input, Sink> {
  step(nowMs: number, input: Input, sink: Sink): void
  /** When it wants a `tick`; Infinity when idle. */
  nextDeadline(): number
}

/** The types of one protocol, as a bundle. */
export interface Protocol {
  readonly core: object
  /** Everything besides {@link CoreInput} that its core takes. */
  readonly command: { readonly type: string }
  readonly datagram: object
  readonly request: object
  readonly reply: object
  readonly event: object
}

/** Every input of a protocol's core. */
export type InputOf<P extends Protocol> =
  CoreInput<P['datagram'], P['request'], P['reply']> | P['command']

/** The sink of a protocol's core. */
export type SinkOf<P extends Protocol> = CoreSink<
  P['datagram'],
  P['request'],
  P['reply'],
  P['event']
>

/** The core of a protocol as the world sees it. */
export type CoreOf<P extends Protocol> = P['core'] & Core<InputOf<P>, SinkOf<P>>
