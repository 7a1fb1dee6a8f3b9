import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kubernetes, type KubernetesOptions } from '../../../dist/discovery/kubernetes.ts'
import type { HttpClient } from '../../../dist/discovery/http-client.ts'
import { running, type Running } from './context.ts'
import { fakeHttp, nextRequest, type FakeHttp, type FakeRequest } from './fake-http.ts'

let server: FakeHttp

beforeEach(async () => {
  server = await fakeHttp()
})
afterEach(() => server.close())

const start = (given: Partial<KubernetesOptions> = {}): Running =>
  running(
    kubernetes({
      ...{ url: server.url, namespace: 'shop', labelSelector: 'app=shop' },
      token: async () => 'token',
      ca: async () => undefined,
      ...given,
    }),
  )

const list = (version: string, items: readonly object[]) => ({
  metadata: { resourceVersion: version },
  items,
})
const endpoints = (name: string, ready: readonly string[], notReady: readonly string[] = []) => ({
  metadata: { uid: name, resourceVersion: `${name}-v` },
  subsets: [
    {
      addresses: ready.map((ip) => ({ ip })),
      notReadyAddresses: notReady.map((ip) => ({ ip })),
      ports: [
        { name: 'metrics', port: 9_090 },
        { name: 'quic', port: 4_434 },
      ],
    },
  ],
})
const pod = (name: string, ip: string, status: object = {}, metadata: object = {}) => ({
  metadata: { uid: name, ...metadata },
  spec: { containers: [{ ports: [{ name: 'quic', containerPort: 4_435 }] }] },
  status: {
    podIP: ip,
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    ...status,
  },
})
const bookmark = (version: string) => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion: version } },
})

const asked = (one: Running): Promise<FakeRequest> => nextRequest(server, one.clock)

describe('kubernetes', () => {
  it('D6 lists endpoints, and watches what changes from there on', async () => {
    const one = start({ portName: 'quic' })
    const first = await server.next()
    expect([first.path, first.query.toString(), first.headers.authorization]).toEqual([
      '/api/v1/namespaces/shop/endpoints',
      'labelSelector=app%3Dshop',
      'Bearer token',
    ])
    first.answer(200, list('100', [endpoints('a', ['10.0.0.1'], ['10.0.0.2'])]))
    await one.heard(2)
    const watch = await asked(one)
    expect(Object.fromEntries(watch.query)).toEqual({
      ...{ watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '300' },
      ...{ resourceVersion: '100', labelSelector: 'app=shop' },
    })
    watch.line({ type: 'MODIFIED', object: endpoints('a', ['10.0.0.2']) })
    watch.line({ type: 'ADDED', object: endpoints('b', ['10.0.0.3']) })
    watch.line({ type: 'DELETED', object: endpoints('b', []) })
    watch.line(bookmark('200'))
    await one.heard(5)
    expect(one.said).toEqual([
      ...['+10.0.0.1:4434', '+10.0.0.2:4434'],
      ...['-10.0.0.1:4434', '+10.0.0.3:4434', '-10.0.0.3:4434'],
    ])
    watch.end()
    const again = await asked(one)
    expect(again.query.get('resourceVersion')).toBe('200')
    await one.stop()
    await again.closed
  })

  it('remembers objectsMax objects and not one more, which is counted, until others are gone', async () => {
    const one = start({ objectsMax: 2 })
    const items = [1, 2].map((i) => endpoints(`e${i}`, [`10.0.0.${i}`]))
    ;(await server.next()).answer(200, list('1', items))
    await one.heard(2)
    expect(one.refused).toEqual([])
    const watch = await asked(one)
    watch.line({ type: 'ADDED', object: endpoints('e3', ['10.0.0.3']) })
    watch.line({ type: 'MODIFIED', object: endpoints('e2', ['10.0.0.4']) })
    await one.heard(4)
    expect(one.refused).toEqual(['ERR_DISCOVERY_OBJECTS_MAX'])
    watch.line({ type: 'DELETED', object: endpoints('e1', []) })
    watch.line({ type: 'MODIFIED', object: endpoints('e3', ['10.0.0.3']) })
    await one.heard(6)
    expect(one.said.slice(2)).toEqual([
      ...['+10.0.0.4:4433', '-10.0.0.2:4433', '-10.0.0.1:4433', '+10.0.0.3:4433'],
    ])
    await one.stop()
    await watch.closed
  })

  it('D6 pods: those that are there, ready or not as asked, and none that is ending', async () => {
    const notReady = { conditions: [{ type: 'Ready', status: 'False' }] }
    const items = [
      pod('a', '10.0.0.1'),
      pod('b', '10.0.0.2', notReady),
      pod('c', '10.0.0.3', { phase: 'Succeeded' }),
      pod('d', '10.0.0.4', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      pod('e', 'not an address'),
      { metadata: {} },
    ]
    for (const [given, said] of [
      [{ portName: 'quic' }, ['+10.0.0.1:4435', '+10.0.0.2:4435']],
      [{ notReady: false }, ['+10.0.0.1:4433']],
    ] as const) {
      const one = start({ mode: 'pods', ...given })
      const request = await server.next()
      expect(request.path).toBe('/api/v1/namespaces/shop/pods')
      request.answer(200, list('1', items))
      await one.heard(said.length)
      expect(one.said).toEqual(said)
      await one.stop()
    }
  })

  it.each([
    ['in the answer', (watch: FakeRequest) => watch.answer(410, { code: 410 }), 1],
    [
      'as an event',
      (watch: FakeRequest) => {
        watch.line({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } })
        watch.end()
      },
      0,
    ],
  ])('D6 lists anew when its resource version is gone: 410 %s', async (_where, gone, failures) => {
    const one = start()
    ;(await server.next()).answer(200, list('1', [endpoints('a', ['10.0.0.1'])]))
    await one.heard(1)
    gone(await asked(one))
    if (failures > 0) await one.heard(2)
    const relist = await asked(one)
    expect(relist.query.has('watch')).toBe(false)
    relist.answer(200, list('9', [endpoints('a', ['10.0.0.2'])]))
    await one.heard(3 + failures)
    expect(one.said.filter((word) => !word.startsWith('!'))).toEqual([
      ...['+10.0.0.1:4433', '+10.0.0.2:4433', '-10.0.0.1:4433'],
    ])
    await one.stop()
  })

  it('D6 reads the token at every request, so a rotated one is used after 401', async () => {
    let token = 'old'
    const one = start({ token: async () => token })
    const first = await server.next()
    expect(first.headers.authorization).toBe('Bearer old')
    token = 'new'
    first.answer(401, { code: 401 })
    await one.heard(1)
    const second = await asked(one)
    expect(second.headers.authorization).toBe('Bearer new')
    expect(one.errors[0]).toMatchObject({ code: 'ERR_DISCOVERY_HTTP', status: 401 })
    await one.stop()
  })

  it('D1 D6 a server that fails makes nobody gone, and is asked again from where it was', async () => {
    const one = start()
    ;(await server.next()).answer(200, list('7', [endpoints('a', ['10.0.0.1'])]))
    await one.heard(1)
    ;(await asked(one)).answer(503, 'overloaded')
    await one.heard(2)
    const again = await asked(one)
    expect(again.query.get('resourceVersion')).toBe('7')
    again.line({ type: 'ERROR', object: { code: 500, message: 'etcd' } })
    await one.heard(3)
    ;(await asked(one)).answer(200, 'no JSON')
    await one.heard(4)
    ;(await asked(one)).answer(200, { kind: 'Status' })
    await one.heard(5)
    expect(new Set(one.said.slice(1))).toEqual(new Set(['!ERR_DISCOVERY_HTTP']))
    await one.stop()
  })

  it('takes a line of answerBytesMax bytes and not one more', async () => {
    const one = start({ answerBytesMax: 1_024 })
    ;(await server.next()).answer(200, list('1', []))
    const event = { type: 'ADDED', object: endpoints('a', ['10.0.0.1']) }
    const room = 1_024 - JSON.stringify({ ...event, pad: '' }).length
    const first = await asked(one)
    first.line({ ...event, pad: 'x'.repeat(room) })
    await one.heard(1)
    expect(one.said).toEqual(['+10.0.0.1:4433'])
    first.line({ ...event, pad: 'x'.repeat(room + 1) })
    await one.heard(2)
    expect(one.said[1]).toBe('!ERR_DISCOVERY_ANSWER_MAX')
    await one.stop()
  })

  it('a watch that the server ends at once is no busy loop', async () => {
    const one = start()
    ;(await server.next()).answer(200, list('1', []))
    ;(await asked(one)).end()
    await one.heard(1)
    expect(one.said).toEqual(['!ERR_DISCOVERY_HTTP'])
    const { count } = server
    await one.clock.advance(100)
    expect(server.count).toBe(count)
    await one.stop()
  })

  it('D1 without a service account there is no token: a failure that is told and tried again', async () => {
    const one = running(kubernetes({ url: server.url, ca: async () => undefined }))
    await one.heard(1)
    expect(one.said).toEqual(['!ENOENT'])
    await one.stop()
  })

  it.each([
    // A list and a watch a second; refused at once, growing pauses from half a second on.
    ['as an event', 200, 2, 20],
    ['in the answer', 410, 6, 14],
  ])('D6 versions that are always gone, %s, are no busy loop', async (_, status, soon, late) => {
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410 } }
    let asks = 0
    const http: HttpClient = {
      get: async ({ url }) => {
        asks += 1
        const isWatch = url.includes('watch=')
        const answer = JSON.stringify(isWatch ? gone : list('1', []))
        async function* body() {
          yield Buffer.from(answer)
        }
        return { status: isWatch ? status : 200, headers: {}, body: body(), close: () => {} }
      },
    }
    const one = start({ http })
    await one.clock.advance(999)
    expect(asks).toBeLessThanOrEqual(soon)
    await one.clock.advance(9_000)
    expect(asks).toBeLessThanOrEqual(late)
    expect(asks).toBeGreaterThan(late / 2)
    expect(one.said.filter((word) => !word.startsWith('!'))).toEqual([])
    await one.stop()
  })

  it('D1 a watch that is not answered is a failure after timeoutMs, and its connection is closed', async () => {
    const one = start({ timeoutMs: 7_000, watchMs: 300_000 })
    ;(await server.next()).answer(200, list('1', []))
    const watch = await asked(one)
    await one.clock.advance(7_000)
    await one.heard(1)
    expect(one.said).toEqual(['!ERR_DISCOVERY_TIMEOUT'])
    await watch.closed
    await one.stop()
  })
})
