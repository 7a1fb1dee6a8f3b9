/**
 * Frames of procedures (0x20 to 0x22, 0x2d) to bytes and back. The payload of each is a head and a body:
 *
 *     u16 length of the head · head (a MessagePack array) · body (a value of a user, MessagePack, up to 64 MiB)
 *
 *     call    0x20   [id, procedure, budgetMs, priority, wantsProgress]   input
 *     cast    0x22   [id, procedure, budgetMs, priority]                  input
 *     reply   0x21   [id, 0, progressCount]                               result
 *                    [id, 1, progressNumber]                              progressive result
 *                    [id, 2, progressCount, kind, name, message, code | null, retryAfterMs | null]   details
 *     cancel  0x2d   [id, wantsAnswer]                                    nothing
 *
 * An id is 16 bytes by lot, one for each attempt, so an answer is never taken for that of another call (MG5). `budgetMs`
 * is what is left of the caller's time. The input is encoded once, whatever the number of attempts.
 *
 * The reference has a second pair, rpc_request (0x24) and rpc_reply (0x25), for calls whose caller goes on and is told the
 * result later under a request id. Here every call is like that: `call` gives a promise, so 0x20 and 0x21 serve both, and
 * the second pair is reserved and not spoken.
 *
 * Bytes of a peer raise `MessageError` or `CodecError` here and nothing else.
 */
import type { Codec } from '../wire/codec.ts'
import { MessageError } from '../wire/errors.ts'
import { HEADER_BYTES, writeHeader } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import { Tuple } from '../wire/tuple.ts'
import { isTopic } from '../topics/topic.ts'
import { CALL_ID_BYTES, callIdBytes, callIdText } from './call-id.ts'
import {
  CALL_HEAD_BYTES,
  ID_AT,
  NAME_AT,
  PROGRESS_COUNT_MAX,
  readCallFacts,
  readResultCount,
  RESULT_HEAD_BYTES,
  writeCallHead,
  writeResultHead,
} from './heads.ts'
import { ProcedureNames } from './procedure-names.ts'
import type { RpcPriority } from './rpc.ts'

/** How an answer says that a call failed. */
export type FailureKind =
  | 'remote'
  | 'timeout'
  | 'cancelled'
  | 'no_provider'
  | 'overloaded'
  | 'payload_too_large'
  | 'unauthorized'
  | 'input'
  | 'unreachable'

/** In the order of their numbers on the wire. */
const FAILURE_KINDS: readonly FailureKind[] = [
  'remote',
  'timeout',
  'cancelled',
  'no_provider',
  'overloaded',
  'payload_too_large',
  'unauthorized',
  'input',
  'unreachable',
]

const PRIORITIES: readonly RpcPriority[] = ['low', 'normal', 'high']

/** Not given: the advertisement says which. */
const PRIORITY_NONE = 3

const NAME_CHARACTERS_MAX = 255
const TEXT_CHARACTERS_MAX = 4_096
const TIME_MS_MAX = 2_147_483_647
const COUNT_MAX = 4_294_967_295

/** `call` and `cast`. */
export interface CallMessage {
  /** {@link callIdText}. */
  readonly id: string
  readonly procedure: string
  readonly budgetMs: number
  readonly priority: RpcPriority | undefined
  readonly wantsProgress: boolean
}

/** What an error of a handler, or a refusal, is on the wire. */
export interface FailureMessage {
  readonly kind: FailureKind
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly retryAfterMs: number | undefined
}

/** `reply`. `number` of a progressive result counts from 0; the end says how many there were. */
export type ReplyMessage =
  | { readonly type: 'result'; readonly id: string; readonly number: number }
  | { readonly type: 'progress'; readonly id: string; readonly number: number }
  | {
      readonly type: 'failure'
      readonly id: string
      readonly number: number
      readonly failure: FailureMessage
    }

/** `cancel`. */
export interface CancelMessage {
  readonly id: string
  readonly wantsAnswer: boolean
}

/** A message and the bytes of the value that goes with it: a view, valid as long as the payload. */
export interface Opened<Message> {
  readonly message: Message
  readonly body: Uint8Array
}

const NO_BODY: Uint8Array = new Uint8Array(0)

const HEAD_LENGTH_BYTES = 2

/** Bytes before the head. */
const FRONT_BYTES = HEADER_BYTES + HEAD_LENGTH_BYTES

/** Head and body in one frame. The body may be larger than what one frame of a link takes: the courier cuts it. */
export function serviceFrame(
  codec: Codec,
  type: number,
  head: readonly unknown[],
  body: Uint8Array = NO_BODY,
): Uint8Array {
  const front = codec.encode(head)
  const frame = frameOf(type, front.length, body)
  frame.set(front, FRONT_BYTES)
  return frame
}

/** The same without its body of so many bytes. */
export function serviceFront(
  codec: Codec,
  type: number,
  head: readonly unknown[],
  bodyBytes: number,
): Uint8Array {
  const front = codec.encode(head)
  const frame = Buffer.allocUnsafe(FRONT_BYTES + front.length)
  writeFront(frame, type, front.length, bodyBytes)
  frame.set(front, FRONT_BYTES)
  return frame
}

/** A frame whose head is still to be written. */
function frameOf(type: number, headBytes: number, body: Uint8Array): Uint8Array {
  // Small ones share the pool of Buffers: memory of its own would cost a short frame more than all the rest.
  const frame = Buffer.allocUnsafe(FRONT_BYTES + headBytes + body.length)
  writeFront(frame, type, headBytes, body.length)
  frame.set(body, FRONT_BYTES + headBytes)
  return frame
}

function writeFront(frame: Uint8Array, type: number, headBytes: number, bodyBytes: number): void {
  writeHeader(frame, 0, type, HEAD_LENGTH_BYTES + headBytes + bodyBytes)
  frame[HEADER_BYTES] = headBytes >>> 8
  frame[HEADER_BYTES + 1] = headBytes
}

/** Where the head of a payload ends. Throws when it does not. */
function endOfHead(name: string, payload: Uint8Array): number {
  const end = payload.length < 2 ? Infinity : HEAD_LENGTH_BYTES + payload[0]! * 256 + payload[1]!
  if (end > payload.length) throw new MessageError(name, '', 'a head and a body')
  return end
}

/** The head of a payload, and the bytes that follow it. */
export function openServiceFrame(
  codec: Codec,
  name: string,
  payload: Uint8Array,
): { readonly head: Tuple; readonly body: Uint8Array } {
  const end = endOfHead(name, payload)
  const head = new Tuple(name, codec.decode(payload.subarray(HEAD_LENGTH_BYTES, end)))
  return { head, body: payload.subarray(end) }
}

/** The id in a head. */
export function readCallId(head: Tuple): string {
  return callIdText(head.bytes(0, 'id', CALL_ID_BYTES))
}

/** Writes and reads the frames. */
export class RpcFrames {
  readonly #codec: Codec
  readonly #names: ProcedureNames

  constructor(codec: Codec) {
    this.#codec = codec
    this.#names = new ProcedureNames(codec)
  }

  call(message: CallMessage, input: Uint8Array): Uint8Array {
    const { id, procedure, budgetMs, wantsProgress } = message
    const name = this.#names.bytesOf(procedure)
    const frame = frameOf(WireType.call, CALL_HEAD_BYTES + name.length, input)
    const priority = priorityNumber(message.priority)
    writeCallHead(frame, FRONT_BYTES, id, name, { budgetMs, priority, wantsProgress })
    return frame
  }

  cast(message: CallMessage, input: Uint8Array): Uint8Array {
    const { id, procedure, budgetMs, priority } = message
    const head = [callIdBytes(id), procedure, budgetMs, priorityNumber(priority)]
    return serviceFrame(this.#codec, WireType.cast, head, input)
  }

  reply(message: ReplyMessage, body: Uint8Array = NO_BODY): Uint8Array {
    const { id, number } = message
    if (message.type === 'result' && number <= PROGRESS_COUNT_MAX) {
      const frame = frameOf(WireType.reply, RESULT_HEAD_BYTES, body)
      writeResultHead(frame, FRONT_BYTES, id, number)
      return frame
    }
    return serviceFrame(
      this.#codec,
      WireType.reply,
      message.type === 'failure'
        ? [callIdBytes(id), 2, number, ...failureItems(message.failure)]
        : [callIdBytes(id), message.type === 'result' ? 0 : 1, number],
      body,
    )
  }

  cancel({ id, wantsAnswer }: CancelMessage): Uint8Array {
    return serviceFrame(this.#codec, WireType.cancel, [callIdBytes(id), wantsAnswer])
  }

  readCall(payload: Uint8Array): Opened<CallMessage> {
    const end = endOfHead('call', payload)
    const message = this.#callAt(payload, end)
    if (message !== undefined) return { message, body: payload.subarray(end) }
    const { head, body } = openServiceFrame(this.#codec, 'call', payload)
    return { message: readCallHead(head, head.flag(4, 'wantsProgress')), body }
  }

  readCast(payload: Uint8Array): Opened<CallMessage> {
    const { head, body } = openServiceFrame(this.#codec, 'cast', payload)
    return { message: readCallHead(head, false), body }
  }

  readReply(payload: Uint8Array): Opened<ReplyMessage> {
    const end = endOfHead('reply', payload)
    const count = readResultCount(payload, HEAD_LENGTH_BYTES, end)
    if (count !== undefined) {
      const id = callIdText(payload, HEAD_LENGTH_BYTES + ID_AT)
      return { message: { type: 'result', id, number: count }, body: payload.subarray(end) }
    }
    const { head, body } = openServiceFrame(this.#codec, 'reply', payload)
    const id = readCallId(head)
    const what = head.whole(1, 'what', 0, 2)
    const number = head.whole(2, 'number', 0, COUNT_MAX)
    if (what === 2)
      return { message: { type: 'failure', id, number, failure: readFailure(head) }, body }
    return { message: { type: what === 0 ? 'result' : 'progress', id, number }, body }
  }

  readCancel(payload: Uint8Array): CancelMessage {
    const { head } = openServiceFrame(this.#codec, 'cancel', payload)
    return { id: readCallId(head), wantsAnswer: head.flag(1, 'wantsAnswer') }
  }

  /** A call whose head ends there; undefined when the codec has to look at it. */
  #callAt(payload: Uint8Array, end: number): CallMessage | undefined {
    const facts = readCallFacts(payload, HEAD_LENGTH_BYTES, end)
    if (facts === undefined || facts.budgetMs > TIME_MS_MAX) return undefined
    const nameEnd = end - CALL_HEAD_BYTES + NAME_AT
    const procedure = this.#names.nameAt(payload, HEAD_LENGTH_BYTES + NAME_AT, nameEnd)
    if (procedure === undefined) return undefined
    const { budgetMs, priority, wantsProgress } = facts
    return {
      id: callIdText(payload, HEAD_LENGTH_BYTES + ID_AT),
      procedure,
      budgetMs,
      priority: PRIORITIES[priority],
      wantsProgress,
    }
  }
}

function priorityNumber(priority: RpcPriority | undefined): number {
  return priority === undefined ? PRIORITY_NONE : PRIORITIES.indexOf(priority)
}

function readCallHead(head: Tuple, wantsProgress: boolean): CallMessage {
  return {
    id: readCallId(head),
    procedure: head.text(1, 'procedure', isName, 'the name of a procedure'),
    budgetMs: head.whole(2, 'budgetMs', 0, TIME_MS_MAX),
    priority: PRIORITIES[head.whole(3, 'priority', 0, PRIORITY_NONE)],
    wantsProgress,
  }
}

const isName = (value: unknown): value is string => isTopic(value)

/** Elements of a failure, for heads: kind, name, message, code, retryAfterMs. */
export function failureItems(failure: FailureMessage): readonly unknown[] {
  const { kind, name, message, code, retryAfterMs } = failure
  return [
    FAILURE_KINDS.indexOf(kind),
    cut(name, NAME_CHARACTERS_MAX),
    cut(message, TEXT_CHARACTERS_MAX),
    code === undefined ? null : cut(code, NAME_CHARACTERS_MAX),
    retryAfterMs === undefined ? null : Math.min(TIME_MS_MAX, Math.max(0, Math.ceil(retryAfterMs))),
  ]
}

/** Reads what {@link failureItems} wrote, from element `at` of a head. */
export function readFailure(head: Tuple, at = 3): FailureMessage {
  const code = head.get(at + 3)
  const retryAfterMs = head.get(at + 4)
  return {
    kind: FAILURE_KINDS[head.whole(at, 'kind', 0, FAILURE_KINDS.length - 1)]!,
    name: shown(head.text(at + 1, 'name', isShort, 'a short text')),
    message: shown(head.text(at + 2, 'message', isText, 'a text')),
    code: code === null ? undefined : shown(head.text(at + 3, 'code', isShort, 'a short text')),
    retryAfterMs:
      retryAfterMs === null ? undefined : head.whole(at + 4, 'retryAfterMs', 0, TIME_MS_MAX),
  }
}

const isShort = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= TEXT_CHARACTERS_MAX

/** Texts end up on terminals: an escape sequence must not act there. Line feeds and tabs stay. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function shown(text: string): string {
  return text.replace(CONTROLS, ' ')
}

/** Not longer than that, and without halves of surrogate pairs, which do not travel. */
function cut(text: string, charactersMax: number): string {
  const short = text.length <= charactersMax ? text : text.slice(0, charactersMax)
  return short.replace(/\p{Cs}/gu, '\ufffd')
}
