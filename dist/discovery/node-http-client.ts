/** Requests by Node, one connection each: strategies ask seldom or wait long, and a kept connection would outlive them. */
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import type { HttpClient } from './http-client.ts'

/** Real requests. */
export const nodeHttpClient: HttpClient = Object.freeze<HttpClient>({
  get: ({ url, headers, ca }, { signal }) =>
    new Promise((resolve, reject) => {
      const options = { headers, signal, agent: false, ...(ca === undefined ? {} : { ca }) }
      const get = url.startsWith('https:') ? getHttps : getHttp
      const request = get(url, options, (message: IncomingMessage) => {
        const flat = Object.entries(message.headers).map(
          ([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value] as const,
        )
        // Whoever leaves the answer unread is not told of its end.
        message.on('error', () => {})
        resolve({
          status: message.statusCode ?? 0,
          headers: Object.fromEntries(flat),
          body: message as AsyncIterable<Uint8Array>,
          close: () => void message.destroy(),
        })
      })
      request.on('error', reject)
    }),
})
