/**
 * The floor of the bench of three hops: a row of programs that pass on bytes from socket to socket. The last one answers
 * calls with what they bring (msgpackr, as `cluster/tcp-peer.ts`) and counts messages; those between only copy. It has
 * neither seals nor names, routes, receipts or limits.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { serveTcp, TcpClient } from '../cluster/tcp-peer.ts'
import type { Hop } from './hop.ts'
import { portOf } from './lanes-side.ts'

const HEADER_BYTES = 4

function listen(serve: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      serve(socket)
    })
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true }, () =>
      resolve(socket),
    )
    socket.once('error', reject)
  })
}

/** A port that leads to that one. */
async function relay(port: number): Promise<number> {
  const server = await listen((socket) => {
    const next = createConnection({ host: '127.0.0.1', port, noDelay: true })
    next.on('error', () => socket.destroy())
    socket.pipe(next).pipe(socket)
  })
  return portOf(server)
}

async function serveMessages(take: (bytes: number) => void): Promise<number> {
  const server = await listen((socket) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      while (bytes.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + bytes.readUInt32BE(0)
        if (bytes.length < end) break
        take(end - HEADER_BYTES)
        bytes = bytes.subarray(end)
      }
      rest = bytes
    })
  })
  return portOf(server)
}

/** `role` is `last`, `between` or `first`; `ports` those of the next one, for calls and for messages: `1234,1235`. */
export async function startTcpHop(role: string, ports: string | undefined): Promise<Hop> {
  if (role === 'last') {
    let count: ((bytes: number) => void) | undefined
    const messages = await serveMessages((bytes) => count?.(bytes))
    return {
      about: { address: `${await serveTcp()},${messages}` },
      serve: async (take) => {
        count = take
      },
    }
  }
  const [calls, messages] = ports!.split(',').map(Number)
  if (role === 'between') {
    return { about: { address: `${await relay(calls!)},${await relay(messages!)}` } }
  }
  const client = await TcpClient.connect(calls!)
  const socket = await connected(messages!)
  return {
    about: {},
    call: (input) => client.call('echo', input),
    publish: (payload) => {
      const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
      frame.writeUInt32BE(payload.length, 0)
      frame.set(payload, HEADER_BYTES)
      socket.write(frame)
    },
  }
}
