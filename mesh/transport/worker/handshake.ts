/**
 * Who is at the other end of a port. A port is a wire inside the process: whoever has it can say anything, and
 * threads run code that others wrote. So nodes prove their keys here as they do in TLS 1.3 (RFC 8446, section
 * 4.4.3): each signs what both have said, with fresh nonces, under a text of its own for each side.
 *
 *     dialler                                listener
 *     hello: to, alpn, certificate, nonce, terms  --->
 *             <---  welcome: certificate, nonce, terms, signature
 *     finished: signature              --->
 *
 * The dialler signs which address it dialled, and the listener lets in nobody who dialled another: or a thread in
 * between could pass on the words of both, be taken for each by the other, and speak for them afterwards, which TLS
 * rules out by its keys.
 *
 * Nothing is encrypted: what could read the port can read the memory. Pure.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { nodeKeysFromPem, rawPublicKey, verifySignature } from '../../identity/keys.ts'
import type { NodeKeys } from '../../identity/keys.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { TransportError } from '../errors.ts'
import { isWildcardHost } from '../address.ts'
import type { TransportAddress, TransportSecurity } from '../transport.ts'
import type { ResolvedWorkerOptions } from './options.ts'

const VERSION = 1
const NONCE_BYTES = 32
const CERTIFICATE_BYTES_MAX = 65_536
const ALPN_CHARACTERS_MAX = 255

/** What a side takes from the other. */
export interface WorkerTerms {
  readonly streamsMax: number
  readonly streamWindowBytes: number
  readonly datagramQueueMax: number
  readonly idleTimeoutMs: number
}

/** The dialler's first words. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  /** The address that it dialled. */
  readonly to: TransportAddress
  readonly alpn: string
  readonly certificate: Uint8Array
  readonly nonce: Uint8Array
  readonly terms: WorkerTerms
}

/** The listener's answer. */
export interface Welcome {
  readonly type: 'welcome'
  readonly certificate: Uint8Array
  readonly nonce: Uint8Array
  readonly terms: WorkerTerms
  readonly signature: Uint8Array
}

/** What else is said before a connection stands. */
export type HandshakeAnswer =
  | Welcome
  /** The listener does not let the dialler in. */
  | { readonly type: 'refused'; readonly code: string }
  /** Said by the switchboard: no thread has the address. */
  | { readonly type: 'absent' }

/** The dialler's proof. */
export interface Finished {
  readonly type: 'finished'
  readonly signature: Uint8Array
}

/** The keys of one endpoint. */
export class Prover {
  readonly certificate: Uint8Array
  readonly #keys: NodeKeys

  /** Throws `ERR_TRANSPORT_SECURITY` for what is no certificate and key. */
  constructor(security: TransportSecurity) {
    try {
      this.certificate = new Uint8Array(new X509Certificate(security.certificatePem).raw)
      this.#keys = nodeKeysFromPem(security.privateKeyPem)
    } catch (cause) {
      const text = 'a thread needs the Ed25519 certificate and key of its node, both PEM'
      throw new TransportError('ERR_TRANSPORT_SECURITY', text, { cause })
    }
  }

  prove(
    side: 'dialler' | 'listener',
    hello: Hello,
    answer: Omit<Welcome, 'signature'>,
  ): Uint8Array {
    return this.#keys.sign(signedBytes(side, hello, answer))
  }
}

/** The key of the peer, whose `certificate` `verifyPeer` accepts and whose signature holds; else throws. */
export function provenKey(
  side: 'dialler' | 'listener',
  words: { readonly hello: Hello; readonly answer: Omit<Welcome, 'signature'> },
  signature: Uint8Array,
  security: TransportSecurity,
): NodeKey {
  const { hello, answer } = words
  const certificate = side === 'dialler' ? hello.certificate : answer.certificate
  const peerKey = security.verifyPeer([certificate])
  const publicKey = rawPublicKey(new X509Certificate(certificate).publicKey)
  if (verifySignature(publicKey, signedBytes(side, hello, answer), signature)) return peerKey
  throw new TransportError('ERR_TRANSPORT_PEER_KEY', 'the peer did not prove the key it shows')
}

/** What this side takes. */
export function termsOf(options: ResolvedWorkerOptions): WorkerTerms {
  const { streamsMax, streamWindowBytes, datagramQueueMax, idleTimeoutMs } = options
  return { streamsMax, streamWindowBytes, datagramQueueMax, idleTimeoutMs }
}

/** A dialler's first words. */
export function helloOf(
  words: Pick<Hello, 'to' | 'alpn' | 'nonce'>,
  { certificate }: Prover,
  options: ResolvedWorkerOptions,
): Hello {
  const { to, alpn, nonce } = words
  const { host, port } = to
  const terms = termsOf(options)
  return { type: 'hello', version: VERSION, to: { host, port }, alpn, certificate, nonce, terms }
}

/** Whether it is for whoever is bound to `own`. */
export function isFor({ to }: Hello, own: TransportAddress): boolean {
  return to.port === own.port && (to.host === own.host || isWildcardHost(own.host))
}

/** `value` as a hello; undefined for anything else. */
export function readHello(value: unknown): Hello | undefined {
  const { type, version, to, alpn, certificate, nonce, terms } = fields(value)
  const { host, port } = fields(to)
  if (type !== 'hello' || version !== VERSION || typeof alpn !== 'string') return undefined
  if (typeof host !== 'string' || typeof port !== 'number') return undefined
  if (alpn.length > ALPN_CHARACTERS_MAX || !isBytes(certificate, 1, CERTIFICATE_BYTES_MAX)) {
    return undefined
  }
  if (!isBytes(nonce, NONCE_BYTES, NONCE_BYTES)) return undefined
  const read = readTerms(terms)
  if (read === undefined) return undefined
  const words = { certificate: own(certificate), nonce: own(nonce) }
  return { type, version: VERSION, to: { host, port }, alpn, ...words, terms: read }
}

/** `value` as an answer to a hello; undefined for anything else. */
export function readAnswer(value: unknown): HandshakeAnswer | undefined {
  const { type, code, certificate, nonce, terms, signature } = fields(value)
  if (type === 'absent') return { type }
  if (type === 'refused') return typeof code === 'string' ? { type, code } : undefined
  if (type !== 'welcome' || !isBytes(certificate, 1, CERTIFICATE_BYTES_MAX)) return undefined
  if (!isBytes(nonce, NONCE_BYTES, NONCE_BYTES) || !isBytes(signature, 1, 1_024)) return undefined
  const read = readTerms(terms)
  if (read === undefined) return undefined
  const words = { certificate: own(certificate), nonce: own(nonce) }
  return { type, ...words, signature: own(signature), terms: read }
}

/** `value` as a dialler's proof; undefined for anything else. */
export function readFinished(value: unknown): Finished | undefined {
  const { type, signature } = fields(value)
  if (type !== 'finished' || !isBytes(signature, 1, 1_024)) return undefined
  return { type, signature: own(signature) }
}

/** Both sides' words, each with its length, so that no two pairs of words are the same bytes. */
function signedBytes(
  side: 'dialler' | 'listener',
  hello: Hello,
  answer: Omit<Welcome, 'signature'>,
): Uint8Array {
  const hash = createHash('sha256')
  const { to, alpn } = hello
  const texts = [`${to.host} ${to.port}`, alpn, textOf(hello.terms), textOf(answer.terms)]
  const parts = [hello.certificate, hello.nonce, answer.certificate, answer.nonce]
  for (const part of [...texts.map((text) => Buffer.from(text)), ...parts]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
  return Buffer.concat([Buffer.from(`fovea worker transport/1 ${side}\0`), hash.digest()])
}

function textOf({
  streamsMax,
  streamWindowBytes,
  datagramQueueMax,
  idleTimeoutMs,
}: WorkerTerms): string {
  return [streamsMax, streamWindowBytes, datagramQueueMax, idleTimeoutMs].join(' ')
}

function readTerms(value: unknown): WorkerTerms | undefined {
  const { streamsMax, streamWindowBytes, datagramQueueMax, idleTimeoutMs } = fields(value)
  if (!isCount(streamsMax) || !isCount(streamWindowBytes)) return undefined
  if (!isCount(datagramQueueMax) || !isCount(idleTimeoutMs)) return undefined
  return { streamsMax, streamWindowBytes, datagramQueueMax, idleTimeoutMs }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function isBytes(value: unknown, min: number, max: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= min && value.length <= max
}

/** A copy: the bytes may be shared memory, which the other thread could change after they were checked. */
function own(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31
}
