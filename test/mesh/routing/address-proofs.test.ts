import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { AddressProofs } from '../../../mesh/routing/address-proofs.ts'
import { createSimClock } from '../../../runtime/index.ts'

interface Given {
  readonly n?: number
  readonly host?: string
  readonly remote?: string
  readonly remotePort?: number
  readonly proven?: boolean
}

const keyOf = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))

function linkOf({
  n = 1,
  host = '10.0.0.1',
  remote = host,
  remotePort = 4433,
  proven = false,
}: Given) {
  return {
    state: 'established',
    remote: { host: remote, port: remotePort },
    peer: { key: keyOf(n), address: { host, port: 4433 }, addressProven: proven },
  } as unknown as Link
}

function make(names: Record<string, readonly string[]> = {}) {
  const clock = createSimClock()
  const proofs = new AddressProofs(async (host) => names[host] ?? Promise.reject(new Error(host)))
  const dialled: string[] = []
  const proven: string[] = []
  let answers: string | undefined
  const meet = async (link: Link) => {
    const dial = ({ host }: { readonly host: string }, reached: (hex: string) => void) => {
      dialled.push(host)
      if (answers !== undefined) reached(answers)
    }
    proofs.met(link, dial, () => void proven.push(link.peer.key.hex.slice(0, 2)))
    await clock.settle()
  }
  const says = (link: Link, more: object = {}) =>
    proofs.believed(link, { host: link.peer.address.host, port: 4433, mode: 'server', ...more })
      .mode
  return { proofs, meet, says, dialled, proven, answer: (n: number) => (answers = keyOf(n).hex) }
}

describe('AddressProofs', () => {
  it('believes a peer whose packets come from where it says, and no other word of it', async () => {
    const { says, meet, dialled } = make()
    const link = linkOf({ proven: true })
    await meet(link)
    expect(dialled).toEqual([])
    expect(says(link)).toBe('server')
    expect(says(link, { mode: 'client' })).toBe('client')
    expect(says(link, { port: 1 })).toBe('client')
    expect(says(link, { host: '10.0.0.2' })).toBe('client')
  })

  it('believes nobody else before a dial has reached that very node', async () => {
    const { says, meet, dialled, proven, answer } = make()
    const link = linkOf({ remotePort: 50_000 })
    await meet(link)
    expect([dialled, says(link)]).toEqual([['10.0.0.1'], 'client'])
    answer(2)
    await meet(link)
    expect([proven, says(link)]).toEqual([[], 'client'])
    answer(1)
    await meet(link)
    expect([proven, says(link)]).toEqual([['01'], 'server'])
    // Another link with it, from wherever it dials; but not another address.
    expect(says(linkOf({ remotePort: 50_001 }))).toBe('server')
    expect(says(linkOf({ host: '10.0.0.9', remote: '10.0.0.1' }))).toBe('client')
  })

  it('believes a name that the resolver knows for where the packets come from', async () => {
    const { says, meet, dialled, proven } = make({ 'a.example': ['10.0.0.1', '10.0.0.2'] })
    const link = linkOf({ host: 'a.example', remote: '10.0.0.2' })
    await meet(link)
    expect([dialled, proven, says(link)]).toEqual([[], ['01'], 'server'])
  })

  it('dials a name that is known for other addresses, and leaves one that nobody knows', async () => {
    const { says, meet, dialled } = make({ 'a.example': ['10.0.0.3'] })
    const [elsewhere, unknown] = ['a.example', 'b.example'].map((host) =>
      linkOf({ host, remote: '10.0.0.2' }),
    ) as [Link, Link]
    await meet(elsewhere)
    await meet(unknown)
    expect([dialled, says(elsewhere), says(unknown)]).toEqual([['a.example'], 'client', 'client'])
  })

  it('remembers 4,096 proofs and forgets the oldest', () => {
    const { proofs } = make()
    const link = (n: number, proven: boolean) =>
      ({
        remote: { host: '10.0.0.1', port: 1 },
        peer: {
          key: { hex: `${n}` },
          address: { host: '10.0.0.1', port: 4433 },
          addressProven: proven,
        },
      }) as unknown as Link
    for (let n = 0; n <= 4_096; n++) expect(proofs.isProven(link(n, true))).toBe(true)
    expect([0, 1, 4_096].map((n) => proofs.isProven(link(n, false)))).toEqual([false, true, true])
  })
})
