/** A DNS server for tests: answers by name and type over UDP, and over TCP what UDP cut off. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'

/** A record of an answer. */
export type FakeRecord =
  | {
      readonly type: 'A' | 'AAAA' | 'CNAME'
      readonly name: string
      readonly ttl: number
      readonly data: string
    }
  | {
      readonly type: 'SRV'
      readonly name: string
      readonly ttl: number
      readonly data: {
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
    }

/** What is answered to one question. */
export interface FakeAnswer {
  readonly code?: 'NOERROR' | 'SERVFAIL' | 'NXDOMAIN'
  readonly records?: readonly FakeRecord[]
  /** Over UDP only the head comes, with the bit that says so. */
  readonly truncated?: boolean
  /** No answer at all. */
  readonly silent?: boolean
}

/** A running server. */
export interface FakeDns {
  /** `127.0.0.1:port`. */
  readonly address: string
  /** `udp name TYPE`, as asked. */
  readonly asked: string[]
  close(): Promise<void>
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const

/** Answers `name TYPE` with `answers`; what is not there is NXDOMAIN. */
export async function fakeDns(answers: Readonly<Record<string, FakeAnswer>>): Promise<FakeDns> {
  const asked: string[] = []
  const udp = createSocket('udp4')
  const sockets = new Set<Socket>()
  const reply = (query: Buffer, medium: 'udp' | 'tcp'): Buffer | undefined => {
    const { name, end } = readName(query, 12)
    const number = query.readUInt16BE(end)
    const type = Object.entries(TYPES).find(([, value]) => value === number)?.[0] ?? String(number)
    asked.push(`${medium} ${name} ${type}`)
    const answer = answers[`${name} ${type}`] ?? { code: 'NXDOMAIN' as const }
    if (answer.silent === true) return undefined
    const isCut = answer.truncated === true && medium === 'udp'
    const records = isCut ? [] : (answer.records ?? [])
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | (isCut ? 0x0200 : 0) | CODES[answer.code ?? 'NOERROR'], 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records.length, 6)
    return Buffer.concat([head, query.subarray(12, end + 4), ...records.map(encodeRecord)])
  }
  udp.on('message', (query: Buffer, from: RemoteInfo) => {
    const bytes = reply(query, 'udp')
    if (bytes !== undefined) udp.send(bytes, from.port, from.address)
  })
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve))
  const { port } = udp.address()
  const tcp: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', (data: Buffer) => {
      const bytes = reply(data.subarray(2), 'tcp')
      if (bytes === undefined) return
      const length = Buffer.alloc(2)
      length.writeUInt16BE(bytes.length)
      socket.write(Buffer.concat([length, bytes]))
    })
  })
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${port}`,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ])
    },
  }
}

function encodeRecord(record: FakeRecord): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(TYPES[record.type], 0)
  head.writeUInt16BE(1, 2)
  head.writeUInt32BE(record.ttl, 4)
  const data = encodeData(record)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(data.length)
  return Buffer.concat([encodeName(record.name), head, length, data])
}

function encodeData(record: FakeRecord): Buffer {
  if (record.type === 'A') return Buffer.from(record.data.split('.').map(Number))
  if (record.type === 'CNAME') return encodeName(record.data)
  if (record.type === 'SRV') {
    const { priority, weight, port, target } = record.data
    const numbers = Buffer.alloc(6)
    numbers.writeUInt16BE(priority, 0)
    numbers.writeUInt16BE(weight, 2)
    numbers.writeUInt16BE(port, 4)
    return Buffer.concat([numbers, encodeName(target)])
  }
  const [before = '', after = ''] = record.data.split('::')
  const words = (text: string) => text.split(':').filter((word) => word !== '')
  const zeros = 8 - words(before).length - words(after).length
  const all = [...words(before), ...Array<string>(zeros).fill('0'), ...words(after)]
  return Buffer.concat(all.map((word) => Buffer.from(word.padStart(4, '0'), 'hex')))
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
    Buffer.of(0),
  ])
}

function readName(bytes: Buffer, from: number): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = from
  for (let length = bytes[at]!; length > 0; length = bytes[at]!) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}
