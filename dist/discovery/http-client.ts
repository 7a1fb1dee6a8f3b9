/** GET requests of strategies. `node-http-client.ts` makes real ones; simulated nodes and tests pass their own. */
import { DiscoveryError } from './errors.ts'

/** What is asked for. */
export interface HttpRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Certificates of the authority that the server must have, PEM. Default: those of the machine. */
  readonly ca?: string | undefined
}

/** An answer whose head has come. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** To be read, or left, once. */
  readonly body: AsyncIterable<Uint8Array>
  /** Ends the connection, whatever was read. */
  close(): void
}

/** Makes requests. Redirects are answers like others. */
export interface HttpClient {
  get(request: HttpRequest, options: { readonly signal: AbortSignal }): Promise<HttpResponse>
}

/** The text of a body; `ERR_DISCOVERY_ANSWER_MAX` above `bytesMax`. */
export async function readText(response: HttpResponse, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body) {
    bytes += part.length
    if (bytes > bytesMax) throw tooLong(bytesMax)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** The lines of a body as they come; `ERR_DISCOVERY_ANSWER_MAX` for one above `lineBytesMax`. */
export async function* readLines(
  { body }: HttpResponse,
  lineBytesMax: number,
): AsyncGenerator<string> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  for await (const part of body) {
    let from = 0
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, from)) {
      const line = Buffer.concat([...rest, part.subarray(from, end)])
      if (line.length > lineBytesMax) throw tooLong(lineBytesMax)
      rest = []
      restBytes = 0
      from = end + 1
      if (line.length > 0) yield line.toString('utf8')
    }
    rest.push(part.subarray(from))
    restBytes += part.length - from
    if (restBytes > lineBytesMax) throw tooLong(lineBytesMax)
  }
  if (restBytes > 0) yield Buffer.concat(rest).toString('utf8')
}

function tooLong(bytesMax: number): DiscoveryError {
  const text = `an answer is longer than ${bytesMax} bytes`
  return new DiscoveryError('ERR_DISCOVERY_ANSWER_MAX', text)
}
