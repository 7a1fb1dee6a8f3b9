/**
 * Questions of the command line to the DHT of a running node. Keys are 64 hexadecimal digits, or words: for
 * `get` the name of a value that this node or `publisher` has put, for `lookup` a member, else a text that stands
 * for a key in the realm.
 */
import { nodeKeyFromHex } from '../../../mesh/index.ts'
import type { DhtContact, DhtKey, DhtPutResult, Mesh, NodeKey } from '../../../mesh/index.ts'
import type { DhtQuestion } from '../control/dht-question.ts'
import { CliError, codeOf } from '../errors.ts'
import type {
  DhtHopRow,
  DhtLookupRow,
  DhtNodeRow,
  DhtProviderRow,
  DhtPutRow,
  DhtTableRow,
  DhtValueRow,
  DhtWithdrawRow,
} from './dht-rows.ts'

/** What of a mesh is needed. */
export type DhtMesh = Pick<Mesh, 'dht' | 'membership' | 'nodeId' | 'key' | 'system'>

/** Limits of one question. */
export interface AskOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What is answered, by question. */
export type DhtAnswer =
  | DhtPutRow
  | DhtValueRow
  | readonly DhtProviderRow[]
  | readonly DhtTableRow[]
  | DhtLookupRow
  | DhtWithdrawRow

/** Answers a question; a lookup tells its hops on the way if they are asked for. */
export async function askDht(
  mesh: DhtMesh,
  question: DhtQuestion,
  onHop: (hop: DhtHopRow) => void,
  limits: AskOptions,
): Promise<DhtAnswer> {
  const { dht } = mesh
  const options =
    'alpha' in question
      ? { ...limits, disjointPaths: question.disjointPaths, alpha: question.alpha }
      : limits
  const row = namer(mesh)
  switch (question.action) {
    case 'put': {
      const { value, name, ttlMs, quorum, once } = question
      const what = name === undefined ? value : { name, value }
      return putRow(await dht.put(what, { ...options, ttlMs, quorum, publish: !once }), row)
    }
    case 'get': {
      const { key, publisher, quorum } = question
      const target = valueKey(mesh, key, publisher)
      const found = await named(key, publisher, dht.get(target, { ...options, quorum }))
      return {
        ...{ key: found.key.hex, ...bytesOf('value', found.value), kind: found.kind },
        ...{ publisher: found.publisher.hex, name: found.name, sequence: found.sequence },
        expiresAt: new Date(found.expiresAtMs).toISOString(),
        ...{ agreed: found.agreed, requests: found.requests, elapsedMs: rounded(found.elapsedMs) },
      }
    }
    case 'provide':
      return putRow(await dht.provide(textKey(question.key), question.metadata, options), row)
    case 'providers': {
      const found = await dht.providers(textKey(question.key), {
        ...options,
        count: question.count,
      })
      // More may come with the last answer; what is asked for must fit one line.
      return found.slice(0, question.count).map((provider) => ({
        ...row(provider),
        ...bytesOf('metadata', provider.metadata),
        sequence: provider.sequence,
        expiresAt: new Date(provider.expiresAtMs).toISOString(),
      }))
    }
    case 'withdraw': {
      const key = 'name' in question ? dht.nameKey(question.name) : dht.keyOf(textKey(question.key))
      return { key: key.hex, withdrawn: await dht.withdraw(key) }
    }
    case 'table': {
      const nowMs = mesh.system.clock.now()
      return dht.table().map(({ contact, bucket, state, rttMs, answeredMs }) => ({
        ...{ ...row(contact), bucket, state },
        ...(rttMs === undefined ? {} : { rttMs: rounded(rttMs) }),
        answeredMs: Math.max(0, Math.round(nowMs - answeredMs)),
      }))
    }
    case 'lookup':
      return await lookUp(mesh, question, onHop, options)
  }
}

async function lookUp(
  mesh: DhtMesh,
  question: DhtQuestion & { readonly action: 'lookup' },
  onHop: (hop: DhtHopRow) => void,
  options: AskOptions,
): Promise<DhtLookupRow> {
  const key = mesh.dht.keyOf(memberKey(mesh, question.key) ?? textKey(question.key))
  const row = namer(mesh)
  const lookup = mesh.dht.lookup(key, options)
  for await (const { contact, ...hop } of lookup) {
    if (question.trace) onHop({ ...row(contact), ...hop, rttMs: rounded(hop.rttMs) })
  }
  const { closest, elapsedMs, ...rest } = await lookup.result
  return { key: key.hex, closest: closest.map(row), ...rest, elapsedMs: rounded(elapsedMs) }
}

/** What is not there is said in the words that were typed. */
async function named<T>(key: string, publisher: string | undefined, found: Promise<T>): Promise<T> {
  try {
    return await found
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_DHT_NOT_FOUND') throw cause
    const by = publisher === undefined ? '' : ` of '${publisher}'`
    const isName = publisher === undefined && !HEX_KEY.test(key)
    throw new CliError('ERR_DHT_NOT_FOUND', `nobody has '${key}'${by}`, {
      cause,
      hint: isName
        ? `'${key}' was taken for a name of the running node; name another node with --publisher`
        : undefined,
    })
  }
}

/** Milliseconds to two places: a clock says more than is known. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}

/** Names nodes by what membership knows of them. */
function namer(mesh: DhtMesh): (contact: DhtContact) => DhtNodeRow {
  const names = new Map([[mesh.key.hex, mesh.nodeId]])
  for (const { key, nodeId } of mesh.membership.members()) names.set(key.hex, nodeId)
  return ({ key, address }) => {
    const node = names.get(key.hex)
    const { host, port } = address
    return { ...(node === undefined ? {} : { node }), key: key.hex, host, port }
  }
}

function putRow(result: DhtPutResult, row: (contact: DhtContact) => DhtNodeRow): DhtPutRow {
  const { key, sequence, holders, refusals, requests, elapsedMs } = result
  return {
    ...{ key: key.hex, sequence, holders: holders.map(row), requests },
    elapsedMs: rounded(elapsedMs),
    refusals: refusals.map(({ contact, code }) => ({ ...row(contact), code })),
  }
}

const HEX_KEY = /^[0-9a-fA-F]{64}$/

/** The key itself, or a text that the node hashes with its realm. */
function textKey(key: string): DhtKey {
  return HEX_KEY.test(key) ? Uint8Array.from(Buffer.from(key, 'hex')) : key
}

function valueKey(mesh: DhtMesh, key: string, publisher: string | undefined): DhtKey {
  if (publisher === undefined) {
    return HEX_KEY.test(key) ? textKey(key) : mesh.dht.nameKey(key)
  }
  const owner = HEX_KEY.test(publisher)
    ? nodeKeyFromHex(publisher.toLowerCase())
    : memberKey(mesh, publisher)
  if (owner === undefined) {
    throw new CliError('ERR_NODE_UNKNOWN', `no member is called '${publisher}'`)
  }
  return mesh.dht.nameKey(key, owner)
}

/** A member by its id, or by a name that only one has. */
function memberKey(mesh: DhtMesh, word: string): NodeKey | undefined {
  const known = [{ key: mesh.key, nodeId: mesh.nodeId }, ...mesh.membership.members()]
  const exact = known.find(({ nodeId }) => nodeId === word)
  if (exact !== undefined) return exact.key
  const named = known.filter(({ nodeId }) => nodeId.slice(0, nodeId.indexOf('@')) === word)
  return named.length === 1 ? named[0]?.key : undefined
}

/** Bytes in base64 under `field`, and as text where they are. */
function bytesOf<F extends string>(
  field: F,
  bytes: Uint8Array,
): Readonly<Record<F, string>> & { readonly text?: string } {
  const base64 = { [field]: Buffer.from(bytes).toString('base64') } as Readonly<Record<F, string>>
  if (bytes.length === 0) return base64
  try {
    return { ...base64, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return base64 // no text: base64 has to do
  }
}
