import { describe, expect, it } from 'vitest'
import { holderOf, Voter, type GrantRequest, type VoterWrite } from '../../../dist/leases/voter.ts'

const NOTHING = { floor: 0, records: [] }
const TTL_MS = 100

const request = (name: string, node: string, token: number): GrantRequest => ({
  ...{ name, node, token },
  holder: holderOf(node, '1.1'),
  ttlMs: TTL_MS,
})

/** A voter that starts with what `writes` left on the disk. */
function restarted(writes: readonly VoterWrite[], nowMs: number): Voter {
  let floor = 0
  const records = new Map<string, NonNullable<Extract<VoterWrite, { type: 'record' }>['record']>>()
  for (const write of writes) {
    if (write.type === 'floor') floor = write.floor
    else if (write.record === undefined) records.delete(write.name)
    else records.set(write.name, write.record)
  }
  return new Voter(
    { leasesMax: 4, peerLeasesMax: 4 },
    { floor, records: [...records.values()] },
    nowMs,
  )
}

describe('a voter', () => {
  it('keeps leasesMax names and peerLeasesMax of one node, and refuses one more', () => {
    const voter = new Voter({ leasesMax: 3, peerLeasesMax: 2 }, NOTHING, 0)
    const grant = (name: string, node: string): unknown => {
      const { granted, code } = voter.grant(request(name, node, 1), 0).answer
      return code ?? granted
    }
    expect(grant('1', 'a')).toBe(true)
    expect(grant('2', 'a')).toBe(true)
    expect(grant('3', 'a')).toBe('ERR_PEER_LEASES_MAX')
    expect(grant('3', 'b')).toBe(true)
    expect(grant('4', 'b')).toBe('ERR_LEASES_MAX')
    // One more vote for a name that it has is none of a new name.
    expect(grant('1', 'a')).toBe(true)
    // What has ended makes room.
    expect(voter.grant(request('4', 'b', 1), TTL_MS).answer.granted).toBe(true)
    expect(voter.size).toBe(1)
  })

  it('G11: never votes for a token again, also of a name that it has forgotten', () => {
    const voter = new Voter({ leasesMax: 1, peerLeasesMax: 1 }, NOTHING, 0)
    const first = voter.grant(request('1', 'a', 7), 0)
    expect(first.answer.granted).toBe(true)
    const second = voter.grant(request('2', 'a', 1), TTL_MS)
    expect(second.writes[0]).toEqual({ type: 'floor', floor: 7 })
    voter.release({ name: '2', holder: holderOf('a', '1.1'), token: 1 }, TTL_MS)
    expect(voter.ask('1', TTL_MS)).toEqual({ granted: false, token: 7, remainingMs: 0 })
    expect(voter.grant(request('1', 'b', 7), TTL_MS).answer.granted).toBe(false)
    expect(voter.grant(request('1', 'b', 8), TTL_MS).answer.granted).toBe(true)
  })

  it('G11: counts a TTL from its start for what it finds written, and knows its holder', () => {
    const voter = new Voter({ leasesMax: 4, peerLeasesMax: 4 }, NOTHING, 0)
    const { writes } = voter.grant(request('1', 'a', 1), 0)
    expect(writes).toHaveLength(1)
    expect(voter.grant(request('1', 'a', 1), 50).writes).toEqual([])
    // A clock that begins elsewhere.
    const again = restarted(writes, 5_000)
    expect(again.grant(request('1', 'b', 2), 5_099).answer).toMatchObject({ granted: false })
    expect(again.grant(request('1', 'a', 1), 5_099).answer.granted).toBe(true)
    expect(again.grant(request('1', 'b', 2), 5_198).answer.granted).toBe(false)
    expect(again.grant(request('1', 'b', 2), 5_199).answer.granted).toBe(true)
  })

  it('G11: does not renew what was given back, nor give back what is another’s', () => {
    const voter = new Voter({ leasesMax: 4, peerLeasesMax: 4 }, NOTHING, 0)
    voter.grant(request('1', 'a', 1), 0)
    const theft = { name: '1', holder: holderOf('b', '1.1'), token: 1 }
    expect(voter.release(theft, 0)).toEqual([])
    expect(voter.ask('1', 0).remainingMs).toBe(TTL_MS)
    voter.release({ ...theft, holder: holderOf('a', '1.1') }, 0)
    expect(voter.ask('1', 0).remainingMs).toBe(0)
    expect(voter.grant(request('1', 'a', 1), 0).answer.granted).toBe(false)
  })
})
