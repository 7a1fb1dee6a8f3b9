/**
 * What a voter has promised, in the store of its node: a mark that says that everything since is here, with the
 * floor of tokens, and one entry for each name. A store without the mark knows nothing of what was promised before.
 */
import { createHash } from 'node:crypto'
import type { Store, StoreWrite } from '../../mesh/index.ts'
import { LeaseError } from './errors.ts'
import type { VoteRecord, VoterMemory, VoterWrite } from './voter.ts'

const PREFIX = 'lease.'
const MARK = 'lease-mark'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What is in `store`; undefined without the mark. Throws `ERR_LEASE_STORE` for what is damaged. */
export function readVotes(store: Store): VoterMemory | undefined {
  const mark = store.get(MARK)
  if (mark === undefined) return undefined
  const { floor } = parsed(mark) as { readonly floor?: unknown }
  if (!isToken(floor)) throw damaged()
  const records: VoteRecord[] = []
  for (const { value } of store.entries(PREFIX)) records.push(recordOf(parsed(value)))
  return { floor, records }
}

/** Resolves when everything is on the disk. */
export async function writeVotes(store: Store, writes: readonly VoterWrite[]): Promise<void> {
  await store.batch(writes.map(storeWrite))
}

function storeWrite(write: VoterWrite): StoreWrite {
  if (write.type === 'floor') {
    return { key: MARK, value: encoder.encode(JSON.stringify({ floor: write.floor })) }
  }
  const { name, record } = write
  // Names may be longer than keys, and have any characters.
  const key = `${PREFIX}${createHash('sha256').update(name).digest('hex')}`
  const value = record === undefined ? undefined : encoder.encode(JSON.stringify(record))
  return { key, value }
}

function recordOf(value: unknown): VoteRecord {
  const { name, token, holder, ttlMs } = value as Partial<VoteRecord>
  const isRecord =
    typeof name === 'string' && typeof holder === 'string' && typeof ttlMs === 'number'
  if (!isRecord || !isToken(token)) throw damaged()
  return { name, token, holder, ttlMs }
}

function parsed(bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes))
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw damaged(cause)
  }
  throw damaged()
}

const isToken = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0

function damaged(cause?: unknown): LeaseError {
  const text = 'what a voter has written down of leases cannot be read'
  return new LeaseError('ERR_LEASE_STORE', text, { cause })
}
