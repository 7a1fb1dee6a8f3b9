/** What a node sends and gets, byte for byte, as somebody sees it who has taken over that node. */
import type {
  Transport,
  TransportConnection,
  TransportStream,
} from '../../../mesh/transport/transport.ts'

/** Bytes of the streams of a node, in order within each stream and direction. */
export class Overheard {
  readonly #streams: Uint8Array[][] = []

  /** That transport, overheard. */
  transport(transport: Transport): Transport {
    return {
      name: transport.name,
      open: async (options) => {
        const endpoint = await transport.open({
          ...options,
          onConnection: (connection) => options.onConnection(this.#connection(connection)),
        })
        const dial = endpoint.dial.bind(endpoint)
        endpoint.dial = async (address, how) => this.#connection(await dial(address, how))
        return endpoint
      },
    }
  }

  get bytes(): number {
    return this.#streams.flat().reduce((sum, { length }) => sum + length, 0)
  }

  includes(text: string): boolean {
    return this.#streams.some((pieces) => Buffer.concat(pieces).includes(text))
  }

  #connection(connection: TransportConnection): TransportConnection {
    const handle = connection.handle.bind(connection)
    const openStream = connection.openStream.bind(connection)
    connection.handle = (handlers) =>
      handle({
        ...handlers,
        onStream: (stream) => handlers.onStream?.(this.#stream(stream)),
      })
    connection.openStream = (options) => this.#stream(openStream(options))
    return connection
  }

  #stream(stream: TransportStream): TransportStream {
    const [sent, got]: [Uint8Array[], Uint8Array[]] = [[], []]
    this.#streams.push(sent, got)
    const handle = stream.handle.bind(stream)
    const write = stream.write.bind(stream)
    stream.handle = (handlers) =>
      handle({
        ...handlers,
        onData: (bytes) => {
          got.push(bytes.slice())
          handlers.onData(bytes)
        },
      })
    stream.write = (bytes) => {
      sent.push(bytes.slice())
      return write(bytes)
    }
    return stream
  }
}
