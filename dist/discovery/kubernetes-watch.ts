/**
 * One list or one watch of the Kubernetes API at a time, and what they add up to. Where it goes on after a failure:
 * with the same resource version, unless the server said that this one is gone (410).
 */
import type { Clock } from '../../runtime/index.ts'
import type { Candidate } from '../../mesh/index.ts'
import { DiscoveryHttpError } from './errors.ts'
import { readLines, readText, type HttpClient, type HttpResponse } from './http-client.ts'
import { listAt, numberAt, objectAt, parseJsonObject, textAt, type JsonObject } from './json.ts'
import { addressesIn, objectName, type KubernetesReading } from './kubernetes-objects.ts'
import { pause, within } from './wait.ts'

/** What a watch needs. */
export interface KubernetesWatchContext extends KubernetesReading {
  readonly url: string
  readonly labelSelector: string | undefined
  readonly fieldSelector: string | undefined
  readonly watchMs: number
  readonly timeoutMs: number
  readonly answerBytesMax: number
  readonly objectsMax: number
  readonly http: HttpClient
  readonly clock: Clock
  readonly signal: AbortSignal
  namespace(): Promise<string>
  token(): Promise<string>
  ca(): Promise<string | undefined>
  /** All addresses that are known now. */
  tell(candidates: readonly Candidate[]): void
  /** There are more objects than `objectsMax`. */
  passedOver(): void
}

const GONE = 410

/** A watch that ends sooner is a failure if it brought nothing; in any case the next request waits for that long. */
const WATCH_MIN_MS = 1_000

/** See the head of this file. */
export class KubernetesWatch {
  readonly #context: KubernetesWatchContext
  readonly #objects = new Map<string, readonly Candidate[]>()
  /** Where to watch from; undefined when a list is due. */
  #version: string | undefined

  constructor(context: KubernetesWatchContext) {
    this.#context = context
  }

  /** Lists if that is due, else watches until the server ends it: then true. Rejects when the server fails. */
  async step(): Promise<boolean> {
    const version = this.#version
    if (version === undefined) await this.#list()
    else await this.#watch(version)
    return version !== undefined
  }

  async #list(): Promise<void> {
    const { clock, signal, timeoutMs, answerBytesMax, tell } = this.#context
    const limits = { clock, signal, timeoutMs, what: 'kubernetes: list' }
    const list = await within(limits, async (asking) => {
      const response = await this.#get({}, asking)
      try {
        const text = await readText(response, answerBytesMax)
        return parseJsonObject(text, response.status, 'kubernetes')
      } finally {
        response.close()
      }
    })
    const version = textAt(objectAt(list, 'metadata'), 'resourceVersion')
    if (version === undefined || !Array.isArray(list['items'])) {
      throw new DiscoveryHttpError(200, 'kubernetes: the answer is no list of objects')
    }
    this.#objects.clear()
    for (const object of listAt(list, 'items')) this.#put(object)
    this.#version = version
    tell(this.#all())
  }

  async #watch(version: string): Promise<void> {
    const { clock, signal, watchMs, timeoutMs, answerBytesMax } = this.#context
    const startedMs = clock.now()
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(Math.ceil(watchMs / 1_000)),
    }
    const limits = { clock, signal, timeoutMs: watchMs + timeoutMs, what: 'kubernetes: watch' }
    let events = 0
    await within(limits, async (asking) => {
      const head = { clock, signal: asking, timeoutMs, what: 'kubernetes: watch' }
      const response = await within(head, (heading) =>
        this.#get(query, AbortSignal.any([asking, heading])),
      )
      try {
        for await (const line of readLines(response, answerBytesMax)) {
          if (asking.aborted) return
          events += 1
          if (!this.#event(parseJsonObject(line, response.status, 'kubernetes'))) return
        }
      } finally {
        response.close()
      }
    })
    const leftMs = startedMs + WATCH_MIN_MS - clock.now()
    if (leftMs <= 0) return
    if (events === 0) throw new DiscoveryHttpError(200, 'kubernetes: the watch ended at once')
    await pause(clock, leftMs, signal)
  }

  /** Takes an event; false when the watch is over. */
  #event(event: JsonObject): boolean {
    const object = objectAt(event, 'object')
    const type = textAt(event, 'type')
    if (type === 'ERROR') {
      const code = numberAt(object, 'code') ?? 0
      this.#version = undefined
      if (code === GONE) return false
      const message = textAt(object, 'message') ?? 'an error without a message'
      throw new DiscoveryHttpError(code, `kubernetes: ${message.slice(0, 200)}`)
    }
    this.#version = textAt(objectAt(object, 'metadata'), 'resourceVersion') ?? this.#version
    if (type === 'BOOKMARK') return true
    if (type === 'DELETED') this.#objects.delete(objectName(object) ?? '')
    else if (type === 'ADDED' || type === 'MODIFIED') this.#put(object)
    else return true
    this.#context.tell(this.#all())
    return true
  }

  #put(object: JsonObject): void {
    const name = objectName(object)
    if (name === undefined) return
    const { objectsMax, passedOver } = this.#context
    if (this.#objects.size >= objectsMax && !this.#objects.has(name)) return passedOver()
    this.#objects.set(name, addressesIn(object, this.#context))
  }

  #all(): Candidate[] {
    return [...this.#objects.values()].flat()
  }

  /** The answer to a GET, once its head has come, with status 200. 410 makes a list due. */
  async #get(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    const { url, mode, labelSelector, fieldSelector, http, namespace, token, ca } = this.#context
    const [space, secret, authority] = await Promise.all([namespace(), token(), ca()])
    const search = new URLSearchParams(query)
    if (labelSelector !== undefined) search.set('labelSelector', labelSelector)
    if (fieldSelector !== undefined) search.set('fieldSelector', fieldSelector)
    const path = `/api/v1/namespaces/${encodeURIComponent(space)}/${mode}`
    const request = {
      url: `${url.replace(/\/$/, '')}${path}?${search.toString()}`,
      headers: { Authorization: `Bearer ${secret}`, Accept: 'application/json' },
      ca: authority,
    }
    const response = await http.get(request, { signal })
    if (response.status === 200) return response
    response.close()
    if (response.status === GONE) this.#version = undefined
    const text = `kubernetes answered ${response.status} to ${path}`
    throw new DiscoveryHttpError(response.status, text)
  }
}
