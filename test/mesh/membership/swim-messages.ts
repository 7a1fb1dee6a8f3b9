/** Arbitrary membership messages as they may be on the wire. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { nodeKeyOfPublicKey } from '../../../mesh/identity/node-key.ts'
import { META_BYTES_MAX } from '../../../mesh/membership/proof.ts'
import type { StatementProof } from '../../../mesh/membership/proof.ts'
import type {
  SwimDatagram,
  SwimReply,
  SwimRequest,
  SyncEntry,
  Update,
} from '../../../mesh/membership/swim/message.ts'
import type { Statement } from '../../../mesh/membership/swim/statement.ts'

/** The realm of all of them. */
export const REALM_ID: Uint8Array = new Uint8Array(32).fill(7)

/** Bytes from one number: a byte each would take a fast-check value for every one of some 300. */
const bytes = (length: number) =>
  fc.nat().map((n) => new Uint8Array(createHash('sha512').update(`${n}`).digest()).slice(0, length))
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true })
const id = bytes(32).map((raw) => Buffer.from(raw).toString('hex'))
/** Around the lengths that numbers have on the wire. */
const EDGES = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32]
const number = (max: number) =>
  fc.oneof(
    fc.constantFrom(...EDGES.filter((n) => n < max), max),
    fc.maxSafeNat().map((n) => n % (max + 1)),
  )
const name = fc
  .oneof(fc.constantFrom(1, 30, 31, 32, 64), fc.integer({ min: 1, max: 64 }))
  .map((length) => 'n'.repeat(length))
const host = fc.oneof(
  fc.constantFrom('10.0.0.1', '2001:db8::1234:5678', 'h', 'node-7.example.com'),
  fc.integer({ min: 1, max: 60 }).map((length) => `${'a'.repeat(length)}.${'b.'.repeat(90)}c`),
)
const roles = fc
  .uniqueArray(
    fc.oneof(
      fc.constantFrom('web', 'db', 'a.b-c_d'),
      fc.integer({ min: 31, max: 63 }).map((length) => 'r'.repeat(length)),
    ),
    { maxLength: 16 },
  )
  .map((list) => list.sort())
const meta = fc.oneof(
  fc.constantFrom(0, 255, 256, META_BYTES_MAX).map((length) => new Uint8Array(length).fill(5)),
  fc.uint8Array({ maxLength: 40 }),
)

/** A statement that nobody signed. */
export const statement: fc.Arbitrary<Statement> = record({
  publicKey: bytes(32),
  generation: number(Number.MAX_SAFE_INTEGER),
  counter: number(2 ** 31 - 1),
  name,
  host,
  port: number(65_534).map((port) => port + 1),
  left: fc.boolean(),
  meta,
  signature: bytes(64),
  notBeforeMs: number(Number.MAX_SAFE_INTEGER),
  notAfterMs: number(Number.MAX_SAFE_INTEGER),
  roles,
  authority: bytes(64),
}).map(({ publicKey, signature, notBeforeMs, notAfterMs, roles: names, authority, ...fields }) => {
  const nodeKey = nodeKeyOfPublicKey(publicKey)
  const membership = {
    realmId: REALM_ID,
    nodeKey: nodeKey.bytes,
    notBeforeMs,
    notAfterMs,
    roles: names,
    signature: authority,
  }
  const proof: StatementProof = { publicKey, signature, membership }
  return { id: nodeKey.hex, ...fields, proof }
})

/** News. */
export const update: fc.Arbitrary<Update> = fc.oneof(
  statement.map((said) => ({ type: 'statement', statement: said }) as const),
  record({
    type: fc.constantFrom('suspect' as const, 'dead' as const),
    id,
    accuser: id,
    generation: number(Number.MAX_SAFE_INTEGER),
    counter: number(2 ** 31 - 1),
  }),
)

/** A line of a table. */
export const entry: fc.Arbitrary<SyncEntry> = fc
  .tuple(statement, fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const), id)
  .map(([said, status, accuser]) => {
    if (said.left) return { statement: said, status: 'left' }
    return status === 'alive' ? { statement: said, status } : { statement: said, status, accuser }
  })

const updates = fc.array(update, { maxLength: 6 })
const sequence = number(2 ** 32 - 1)

/** What travels by datagram. */
export const datagram: fc.Arbitrary<SwimDatagram> = fc.oneof(
  record({
    type: fc.constantFrom('ping' as const, 'ack' as const, 'nack' as const),
    sequence,
    updates,
  }),
  record({ type: fc.constant('ping_req' as const), sequence, target: id, updates }),
  record({ type: fc.constant('gossip' as const), updates }),
)

const entries = fc.array(entry, { maxLength: 12 })

/** What opens an exchange. */
export const request: fc.Arbitrary<SwimRequest> = fc.oneof(
  record({ type: fc.constant('probe' as const), updates }),
  record({
    type: fc.constant('sync' as const),
    self: statement,
    digests: fc.uint32Array({ minLength: 128, maxLength: 128 }),
    join: fc.boolean(),
  }),
  record({ type: fc.constant('sync_push' as const), entries }),
)

/** What answers it. */
export const reply: fc.Arbitrary<SwimReply> = fc.oneof(
  record({ type: fc.constant('probe_ack' as const), updates }),
  record({
    type: fc.constant('sync_reply' as const),
    self: statement,
    entries,
    wanted: fc
      .uniqueArray(fc.integer({ min: 0, max: 63 }))
      .map((list) => list.sort((a, b) => a - b)),
    more: fc.boolean(),
  }),
  fc.constantFrom<SwimReply>({ type: 'sync_done' }, { type: 'busy' }),
)
