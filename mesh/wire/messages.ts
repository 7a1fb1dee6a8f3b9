/**
 * The one list of message types on the wire (architecture 5). Ids 0x01 to 0x57 are those of the
 * reference, with the missing acknowledgements and rejections added; 0xA0 to 0xBF belong to `dist`;
 * 0x60 to 0x9F stay free. An id is never reused for another meaning.
 */

/** Ids of message types by name. */
export const WireType = {
  connect: 0x01,
  disconnect: 0x02,
  ping: 0x03,
  pong: 0x04,
  accepted: 0x05,
  rejected: 0x06,
  error: 0x07,
  /** Both of a handshake in which the nodes prove that they share a secret. */
  challenge: 0x08,
  response: 0x09,
  /** Both of a link that ends because nobody needs it: may it, and no. */
  parting: 0x0a,
  staying: 0x0b,
  /** How much was taken of what came on the bulk lane. */
  bulkTaken: 0x0c,

  publish: 0x10,
  subscribe: 0x11,
  unsubscribe: 0x12,
  pubsubRoute: 0x13,
  puback: 0x14,
  suback: 0x15,
  interest: 0x16,
  presenceDelta: 0x17,
  presenceSnapshot: 0x18,
  presenceState: 0x19,
  /** What processes say to each other when it goes through others; of `dist`, on the lane for topics. */
  distRelay: 0x1a,
  keyQuery: 0x1e,
  keyReply: 0x1f,

  call: 0x20,
  reply: 0x21,
  cast: 0x22,
  rpcRoute: 0x23,
  rpcRequest: 0x24,
  rpcReply: 0x25,
  register: 0x26,
  streamOpen: 0x27,
  streamData: 0x28,
  streamEnd: 0x29,
  streamError: 0x2a,
  streamReply: 0x2b,
  unregister: 0x2c,
  cancel: 0x2d,
  serviceChunk: 0x2e,
  streamCredit: 0x2f,

  swimPing: 0x30,
  swimAck: 0x31,
  swimPingReq: 0x32,
  swimNack: 0x33,
  swimGossip: 0x34,
  swimSync: 0x35,

  findNode: 0x40,
  findNodeReply: 0x41,
  store: 0x42,
  findValue: 0x43,
  findValueReply: 0x44,
  storeReply: 0x45,
  addProvider: 0x46,
  getProviders: 0x47,
  providersReply: 0x48,

  natProbe: 0x50,
  natProbeReply: 0x51,
  punchRequest: 0x52,
  punchCoordinate: 0x53,
  punchExecute: 0x54,
  punchResult: 0x55,
  relayRequest: 0x56,
  relayData: 0x57,

  distSend: 0xa0,
  distLink: 0xa1,
  distUnlink: 0xa2,
  distExit: 0xa3,
  distMonitor: 0xa4,
  distDemonitor: 0xa5,
  distDown: 0xa6,
  distSpawn: 0xa7,
  distSpawnReply: 0xa8,
  distCall: 0xa9,
  distReply: 0xaa,
  distCast: 0xab,
  distChunk: 0xac,
  distCancel: 0xad,
  distUnlinkAck: 0xae,
  distLeave: 0xaf,
  distLeaveAck: 0xb0,
  distTaken: 0xb1,
} as const

/** Name of a message type. */
export type WireTypeName = keyof typeof WireType

/** Id of a message type. */
export type WireTypeId = (typeof WireType)[WireTypeName]

/** Name by id; one array lookup on the hot path. */
const NAMES: readonly (WireTypeName | undefined)[] = nameTable()

function nameTable(): readonly (WireTypeName | undefined)[] {
  const names = new Array<WireTypeName | undefined>(256).fill(undefined)
  for (const [name, id] of Object.entries(WireType)) names[id] = name as WireTypeName
  return Object.freeze(names)
}

/** True when `id` is in the list. */
export function isWireType(id: number): id is WireTypeId {
  return NAMES[id] !== undefined
}

/** The name of a message type, or `unknown_0x..` for logs. */
export function wireTypeName(id: number): string {
  return NAMES[id] ?? `unknown_0x${id.toString(16).padStart(2, '0')}`
}
