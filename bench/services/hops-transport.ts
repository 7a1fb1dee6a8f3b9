/**
 * A QUIC transport that has no way to some nodes, as if a firewall stood between, and that can write down which frames of
 * services pass to and from whom. The node behind it knows nothing of either.
 */
import { FRAME_BYTES_MAX_LIMIT, FrameDecoder, TransportError, wireTypeName } from 'fovea/mesh'
import type { Transport, TransportConnection, TransportStream } from 'fovea/mesh'
import { linkTransport } from './lanes-side.ts'

/** Frame types of pub/sub and procedures. */
const [TYPE_MIN, TYPE_MAX] = [0x10, 0x2f]

/** Who is out of reach, and what was seen. */
export interface Wire {
  /** Keys of nodes and addresses (`host:port`) that there is no way to. */
  readonly blocked: Set<string>
  /** Frames by `out TYPE KEY` or `in TYPE KEY`; undefined: nothing is written down. */
  readonly frames: Map<string, number> | undefined
  /** Text of the application; frames that show it are counted as `clear`. */
  mark: string | undefined
}

/** `target` with some members replaced; what is not keeps its own `this`, for private fields. */
function withMembers<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** Reads one direction of a stream. */
function reader(wire: Wire, way: string, peer: string): (bytes: Uint8Array) => void {
  const decoder = new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX_LIMIT })
  let isFirst = true
  const count = (line: string): void => {
    wire.frames!.set(line, (wire.frames!.get(line) ?? 0) + 1)
  }
  return (bytes) => {
    if (bytes.length === 0) return
    // The first byte names the lane, except on that of control.
    const frames = isFirst && bytes[0]! >= 0x80 ? bytes.subarray(1) : bytes
    isFirst = false
    if (frames.length === 0) return
    decoder.push(frames, (type, payload) => {
      if (type < TYPE_MIN || type > TYPE_MAX) return
      count(`${way} ${wireTypeName(type)} ${peer}`)
      if (wire.mark !== undefined && Buffer.from(payload).includes(wire.mark)) count('clear')
    })
  }
}

function tracedStream(stream: TransportStream, peer: string, wire: Wire): TransportStream {
  const [sent, received] = [reader(wire, 'out', peer), reader(wire, 'in', peer)]
  return withMembers(stream, {
    write: (bytes) => {
      sent(bytes)
      return stream.write(bytes)
    },
    handle: (handlers) => {
      const onData = (bytes: Uint8Array): void => {
        received(bytes)
        handlers.onData(bytes)
      }
      stream.handle({ ...handlers, onData })
    },
  })
}

function traced(connection: TransportConnection, wire: Wire): TransportConnection {
  if (wire.frames === undefined) return connection
  const peer = connection.peerKey.hex
  return withMembers(connection, {
    openStream: (options) => tracedStream(connection.openStream(options), peer, wire),
    handle: ({ onStream, ...handlers }) => {
      const take = (stream: TransportStream): void => onStream?.(tracedStream(stream, peer, wire))
      connection.handle({ ...handlers, onStream: take })
    },
  })
}

/** The transport of one node. */
export async function wireTransport(wire: Wire): Promise<Transport> {
  const inner = await linkTransport()
  return {
    name: inner.name,
    open: async (given) => {
      const endpoint = await inner.open({
        ...given,
        onConnection: (connection) => {
          if (wire.blocked.has(connection.peerKey.hex)) connection.close(0, 'no way')
          else given.onConnection(traced(connection, wire))
        },
      })
      return withMembers(endpoint, {
        dial: async (address, options) => {
          if (wire.blocked.has(`${address.host}:${address.port}`)) {
            throw new TransportError('ERR_TRANSPORT_TIMEOUT', 'there is no way', {
              remote: address,
            })
          }
          return traced(await endpoint.dial(address, options), wire)
        },
      })
    },
  }
}
