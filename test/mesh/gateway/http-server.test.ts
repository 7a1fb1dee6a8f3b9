import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { listenHttp } from '../../../mesh/gateway/http-server.ts'
import type { HttpListener } from '../../../mesh/gateway/http-server.ts'

const REQUESTS_MAX = 2
let listener: HttpListener | undefined
const sockets: Socket[] = []

const open = async (requestMs?: number): Promise<HttpListener> => {
  listener = await listenHttp({
    ...{ host: '127.0.0.1', port: 0, requestsMax: REQUESTS_MAX },
    ...(requestMs === undefined ? {} : { requestMs }),
    answer: () => ({ status: 200, contentType: 'text/plain', body: 'here\n' }),
    onError: (error) => {
      throw error
    },
  })
  return listener
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await listener?.close()
})

/** A connection that has said that and says nothing more. */
async function say(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

/** Resolves when the connection has ended, reset or not. */
const ended = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('close', resolve))

const ask = (port: number): Promise<number> =>
  fetch(`http://127.0.0.1:${port}/`).then(({ status }) => status)

describe('an HTTP server for operators', () => {
  it.each([
    ['nothing', ''],
    ['half a request', 'GET /live HTTP/1.1\r\nhost: 127.0'],
    [
      'a request without the body that it promised',
      'POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n1',
    ],
  ])('lets go of who says %s, and answers others again', async (_what, text) => {
    const { port } = await open(200)
    const held = Array.from({ length: 2 * REQUESTS_MAX }, () => say(port, text))
    await Promise.all(held.map(async (socket) => ended(await socket)))
    expect(await ask(port)).toBe(200)
  })

  it('ends every connection when it is closed, and frees its port', async () => {
    const { port, close } = await open()
    const gone = ended(await say(port, 'GET'))
    await close()
    await gone
    await close()
    await expect(ask(port)).rejects.toThrow('fetch failed')
  })
})
