/**
 * The listening program of the bench of lanes: says where it listens, then counts. Told `{ way, bytes }` it says
 * how much processor time it took once so many bytes have come that way. Ends with its parent.
 */
import { encodeFrame, type TransportConnection } from 'fovea/mesh'
import { listenTcp, openNode, openQuic, portOf, TYPES, type WayName } from './lanes-side.ts'

const HEADER_BYTES = 8

interface Order {
  readonly way: WayName
  readonly bytes: number
}

const received: Record<WayName, number> = { link: 0, quic: 0, tcp: 0 }
let order: Order | undefined
let before = process.cpuUsage()

function settle(): void {
  if (order === undefined || received[order.way] < order.bytes) return
  const { user, system } = process.cpuUsage(before)
  received[order.way] -= order.bytes
  order = undefined
  process.send!({ microseconds: user + system })
}

const count =
  (way: WayName) =>
  (bytes: number): void => {
    received[way] += bytes
    settle()
  }

const realm = process.argv[2]
if (realm === undefined) throw new Error('usage: lanes-server REALM_FILE')
const node = await openNode('server', realm)
const counted = count('link')
node.handleFrames(TYPES.data, TYPES.data, (_link, _type, payload) => {
  counted(payload.length + HEADER_BYTES)
})
node.handleFrames(TYPES.ask, TYPES.ask, (link, _type, payload) => {
  link.send('rpc', encodeFrame(TYPES.answer, Uint8Array.from(payload)))
})
const quicCount = count('quic')
const endpoint = await openQuic((connection: TransportConnection) =>
  connection.handle({
    onStream: (stream) => stream.handle({ onData: (bytes) => quicCount(bytes.length) }),
    onClosed: () => {},
  }),
)
const tcp = await listenTcp(count('tcp'))
process.on('message', (wanted: Order) => {
  before = process.cpuUsage()
  order = wanted
  settle()
})
process.on('disconnect', () => process.exit(0))
process.send!({ link: node.nodeId, quic: endpoint.address, tcp: portOf(tcp) })
