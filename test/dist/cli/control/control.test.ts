import { chmod, lstat, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRealClock, createSimClock } from '../../../../runtime/index.ts'
import {
  connectControl,
  connectError,
  type ControlClient,
} from '../../../../dist/cli/control/client.ts'
import {
  openControlServer,
  type ControlServer,
  type ControlServerOptions,
} from '../../../../dist/cli/control/server.ts'
import type { ControlTarget, TargetOptions } from '../../../../dist/cli/control/target.ts'
import { CliError } from '../../../../dist/cli/errors.ts'
import type { MemberEventRow, MemberRow } from '../../../../dist/cli/operations/member-row.ts'
import type { MessageRow } from '../../../../dist/cli/operations/service-rows.ts'

const selfRow: MemberRow = {
  node: 'a@h:1',
  key: 'k',
  state: 'self',
  incarnation: { generation: 1, counter: 0 },
  host: 'h',
  port: 1,
  sinceMs: 5,
}

function change(type: MemberEventRow['type'], node: string): MemberEventRow {
  const incarnation = { generation: 1, counter: 0 }
  return { at: '2026-01-01T00:00:00.000Z', type, node, key: `k-${node}`, incarnation }
}

/** A node that is not one: it records what it is asked and answers by hand. */
class FakeTarget implements ControlTarget {
  readonly asked: unknown[] = []
  lastOptions: TargetOptions | undefined
  info = () => ({ node: 'a@h:1', key: 'k', host: 'h', port: 1, realm: 'r', osPid: 1 })
  rows: MemberRow[] = [selfRow]
  log: MemberEventRow[] = []
  readonly watchers = new Set<(event: MemberEventRow) => void>()
  members = () => this.rows
  memberLog = () => this.log
  watchMembers = (onEvent: (event: MemberEventRow) => void) => {
    this.watchers.add(onEvent)
    return () => void this.watchers.delete(onEvent)
  }
  join: ControlTarget['join'] = async (address, options) => {
    this.lastOptions = options
    if (address === 'h:1') throw new CliError('ERR_JOIN_SELF', 'h:1 is this node itself')
    return { node: 'b@h:2', key: 'k2', already: false, membersUp: 2 }
  }
  topology: ControlTarget['topology'] = async (options) => {
    this.asked.push({ nodesMax: options.nodesMax, timeoutMs: options.timeoutMs })
    return { nodes: [], edges: [], islands: 0, answered: 0, notAsked: 0 }
  }
  stats: ControlTarget['stats'] = () => ({
    node: 'a@h:1',
    uptimeMs: 1,
    members: {},
    links: { open: 0, held: 0, idle: 0, handshakes: 0, dials: 0 },
    refused: { ERR_X: 3 },
  })
  dht: ControlTarget['dht'] = async (question, onHop, options) => {
    this.asked.push(question)
    this.lastOptions = options
    if (question.action === 'lookup') onHop({ key: 'k2', depth: 1 } as never)
    return { key: 'k1', withdrawn: true }
  }
  services: ControlTarget['services'] = async (question, options) => {
    this.asked.push(question)
    this.lastOptions = options
    return []
  }
  readonly sinks = new Set<Parameters<ControlTarget['subscribe']>[1]>()
  subscribe: ControlTarget['subscribe'] = ({ filter, group }, sink) => {
    if (group !== undefined) this.asked.push({ filter, group })
    if (filter === 'a..b') throw new CliError('ERR_FILTER_INVALID', 'an empty segment')
    this.sinks.add(sink)
    return () => void this.sinks.delete(sink)
  }
  readonly presenceWatches = new Set<Parameters<ControlTarget['presence']>[1]>()
  presence: ControlTarget['presence'] = async ({ topic, timeoutMs }, push) => {
    if (topic === 'a..b') throw new CliError('ERR_TOPIC_INVALID', 'an empty segment')
    this.asked.push({ topic, timeoutMs })
    push({ type: 'snapshot', topic, entries: [], isComplete: true })
    this.presenceWatches.add(push)
    return () => void this.presenceWatches.delete(push)
  }
  readonly offers = new Map<string, Parameters<ControlTarget['advertise']>[1]>()
  advertise: ControlTarget['advertise'] = async ({ procedure }, push) => {
    if (this.offers.has(procedure)) throw new CliError('ERR_RPC_PROCEDURE_TAKEN', 'taken')
    this.offers.set(procedure, push)
    return () => void this.offers.delete(procedure)
  }
  ping = async (options: TargetOptions) => {
    this.lastOptions = options
    if (options.node === 'nobody') throw new CliError('ERR_NODE_UNKNOWN', 'no such node')
    return { node: options.node ?? '', rttMs: 1.5 }
  }
  spawn: ControlTarget['spawn'] = async (request) => {
    this.asked.push(request)
    return { node: 'a@h:1', pid: '<1>', supervised: request.supervised }
  }
  call: ControlTarget['call'] = async (request) => {
    this.asked.push(request)
    if (request.method === 'boom') throw new Error('two\nlines')
    return { value: new Map([['big', 12n]]), calls: 1, p50Ms: 1, p99Ms: 1 }
  }
  monitor: ControlTarget['monitor'] = (_name, onMonitoring, options) => {
    this.lastOptions = options
    onMonitoring('a@h:1')
    return new Promise((_resolve, reject) => {
      options.signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
}

const clock = createRealClock()
let root: string
let target: FakeTarget
let closing: { stop?: () => Promise<unknown>; close?: () => void }[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-ctl-'))
  target = new FakeTarget()
  closing = []
})
afterEach(async () => {
  for (const resource of closing.reverse()) {
    resource.close?.()
    await resource.stop?.()
  }
  await rm(root, { recursive: true, force: true })
})

async function serve(options: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
  const server = await openControlServer({ dataDir: root, target, ...options })
  closing.push(server)
  return server
}

async function connect(dataDir = root): Promise<ControlClient> {
  const client = await connectControl({ dataDir, clock })
  closing.push(client)
  return client
}

const WAIT = { timeoutMs: 10_000 }

describe('asking a node', () => {
  test('results come back, values beyond JSON in their documented form', async () => {
    await serve()
    const client = await connect()
    expect(await client.request('members', {}, WAIT)).toHaveLength(1)
    expect(await client.request('info', {}, WAIT)).toMatchObject({ node: 'a@h:1' })
    expect(await client.request('ping', { node: 'b', timeoutMs: 9 }, WAIT)).toEqual({
      node: 'b',
      rttMs: 1.5,
    })
    expect(target.lastOptions).toMatchObject({ node: 'b', timeoutMs: 9 })
    expect(await client.request('call', { name: 'n', method: 'm' }, WAIT)).toMatchObject({
      value: [['big', '12']],
    })
  })

  test('an error of the node keeps its code; one without a code becomes one line', async () => {
    await serve()
    const client = await connect()
    await expect(client.request('ping', { node: 'nobody' }, WAIT)).rejects.toMatchObject({
      code: 'ERR_NODE_UNKNOWN',
      message: 'no such node',
    })
    await expect(client.request('call', { name: 'n', method: 'boom' }, WAIT)).rejects.toMatchObject(
      {
        code: 'ERR_CLI_INTERNAL',
        message: 'two lines',
      },
    )
  })

  test('a request without a deadline of its own gets the default', async () => {
    await serve({ requestTimeoutMs: 1234 })
    await (await connect()).request('ping', { node: 'b' }, WAIT)
    expect(target.lastOptions?.timeoutMs).toBe(1234)
  })

  test('events of a long request arrive before it ends; it is aborted when its asker goes', async () => {
    await serve()
    const client = await connect()
    const monitoring = new Promise((resolve) => {
      client
        .request('monitor', { name: 'n' }, { timeoutMs: Infinity, onEvent: resolve })
        .catch(() => {})
    })
    expect(await monitoring).toEqual({ node: 'a@h:1' })
    const aborted = once(target.lastOptions?.signal ?? new EventTarget(), 'abort')
    client.close()
    await aborted
  })

  test('a node that does not answer in time is ERR_CONTROL_TIMEOUT, its late answer is ignored', async () => {
    await serve()
    const simClock = createSimClock()
    const client = await connectControl({ dataDir: root, clock: simClock })
    closing.push(client)
    const waiting = client.request('monitor', { name: 'n' }, { timeoutMs: 100 })
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'ERR_CONTROL_TIMEOUT' }),
      simClock.advance(100),
    ])
    expect(await client.request('members', {}, WAIT)).toHaveLength(1)
  })

  test('what goes on has its time until it has begun, and none after that', async () => {
    const server = await serve()
    const simClock = createSimClock()
    const client = await connectControl({ dataDir: root, clock: simClock })
    closing.push(client)
    const limits = { timeoutMs: 100, goesOn: true }
    let long: Promise<unknown> | undefined
    await new Promise((onEvent) => {
      long = client.request('monitor', { name: 'n' }, { ...limits, onEvent })
    })
    target.services = () => new Promise(() => {})
    const silent = client.request('services', { action: 'topics' }, limits)
    await Promise.all([
      expect(silent).rejects.toMatchObject({ code: 'ERR_CONTROL_TIMEOUT' }),
      expect(long).rejects.toMatchObject({ code: 'ERR_CONTROL_CLOSED' }),
      simClock.advance(100_000).then(() => server.stop()),
    ])
  })

  test('a node that ends rejects what waits with ERR_CONTROL_CLOSED', async () => {
    const server = await serve()
    const client = await connect()
    const seen = new Promise((resolve) => {
      const waiting = client.request(
        'monitor',
        { name: 'n' },
        { timeoutMs: Infinity, onEvent: resolve },
      )
      closing.push({
        stop: () => expect(waiting).rejects.toMatchObject({ code: 'ERR_CONTROL_CLOSED' }),
      })
    })
    await seen
    await server.stop()
    await closing.pop()?.stop?.()
    await expect(client.request('members', {}, WAIT)).rejects.toMatchObject({
      code: 'ERR_CONTROL_CLOSED',
    })
  })
})

describe('following the members', () => {
  interface Followed {
    readonly told: Record<string, unknown>[]
    readonly ended: Promise<unknown>
    until(count: number): Promise<void>
  }

  function follow(
    client: ControlClient,
    method: 'watch_members' | 'events',
    params = {},
  ): Followed {
    const told: Record<string, unknown>[] = []
    const waiting = new Set<() => void>()
    const ended = client
      .request(
        method,
        { follow: true, ...params },
        {
          timeoutMs: Infinity,
          onEvent: (event) => {
            told.push(event as Record<string, unknown>)
            for (const check of waiting) check()
          },
        },
      )
      .catch((error: unknown) => error)
    const until = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (told.length < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      })
    return { told, ended, until }
  }

  const tell = (event: MemberEventRow): void => {
    for (const watcher of target.watchers) watcher(event)
  }

  test('begins with who is there and goes on with every change until the client goes away', async () => {
    const server = await serve()
    const client = await connect()
    const followed = follow(client, 'watch_members')
    await followed.until(2)
    tell(change('suspect', 'b@h:2'))
    tell(change('down', 'b@h:2'))
    await followed.until(4)
    expect(followed.told).toMatchObject([
      { type: 'snapshot', members: [{ node: 'a@h:1', state: 'self' }] },
      { type: 'following' },
      { type: 'suspect', node: 'b@h:2' },
      { type: 'down', node: 'b@h:2' },
    ])
    client.close()
    expect(await followed.ended).toMatchObject({ code: 'ERR_CONTROL_CLOSED' })
    await server.stop()
    expect(target.watchers.size).toBe(0)
  })

  test('comes in lines of 500 rows, however many members there are', async () => {
    await serve()
    target.rows = Array.from({ length: 1001 }, (_none, i) => ({ ...selfRow, node: `n${i}@h:1` }))
    const client = await connect()
    const sizes: number[] = []
    await client.request(
      'watch_members',
      {},
      {
        ...WAIT,
        onEvent: (event) => sizes.push((event as { members: unknown[] }).members.length),
      },
    )
    expect(sizes).toEqual([500, 500, 1])
    expect(target.watchers.size).toBe(0)
  })

  test('events are those of the log, then new ones, both through the filter', async () => {
    await serve()
    target.log = [change('up', 'b@h:2'), change('suspect', 'b@h:2'), change('suspect', 'c@h:3')]
    const followed = follow(await connect(), 'events', { node: 'b', types: ['suspect', 'down'] })
    await followed.until(2)
    tell(change('up', 'b@h:2'))
    tell(change('down', 'c@h:3'))
    tell(change('down', 'b@h:2'))
    await followed.until(3)
    expect(followed.told).toMatchObject([
      { type: 'log', events: [{ type: 'suspect', node: 'b@h:2' }] },
      { type: 'following' },
      { type: 'down', node: 'b@h:2' },
    ])
  })

  test('a client that does not read is cut with ERR_CONTROL_SLOW and the node goes on', async () => {
    const server = await serve({ controlEventsQueuedMax: 3 })
    const socket = await raw(server.path)
    socket.write('{"id":1,"method":"watch_members","params":{"follow":true}}\n')
    await once(socket, 'data')
    socket.pause()
    // More than the buffers of both sockets hold.
    const long = change('update', 'x'.repeat(100_000))
    for (let i = 0; i < 100 && target.watchers.size > 0; i++) tell(long)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(target.watchers.size).toBe(0)
    expect(server.stats()).toMatchObject({ streamsCut: 1 })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    socket.resume()
    while (!text.includes('"error"')) await once(socket, 'data')
    expect(JSON.parse(text.trim().split('\n').at(-1) ?? '')).toMatchObject({
      id: 1,
      error: { code: 'ERR_CONTROL_SLOW', hint: expect.stringContaining('--type') as string },
    })
    expect(await (await connect()).request('members', {}, WAIT)).toHaveLength(1)
  })

  test('a node that stops ends it with ERR_CONTROL_CLOSED', async () => {
    const server = await serve()
    const followed = follow(await connect(), 'watch_members')
    await followed.until(2)
    await server.stop()
    expect(await followed.ended).toMatchObject({ code: 'ERR_CONTROL_CLOSED' })
  })
})

describe('operations', () => {
  test('join, topology and stats reach the node with their parameters and come back', async () => {
    await serve()
    const client = await connect()
    const joined = await client.request('join', { address: 'b@h:2', timeoutMs: 7 }, WAIT)
    expect(joined).toEqual({ node: 'b@h:2', key: 'k2', already: false, membersUp: 2 })
    expect(target.lastOptions?.timeoutMs).toBe(7)
    await expect(client.request('join', { address: 'h:1' }, WAIT)).rejects.toMatchObject({
      code: 'ERR_JOIN_SELF',
      hint: expect.stringContaining('another node') as string,
    })
    await client.request('topology', { nodesMax: 9, timeoutMs: 8 }, WAIT)
    await client.request('topology', {}, WAIT)
    expect(target.asked).toEqual([
      { nodesMax: 9, timeoutMs: 8 },
      { nodesMax: undefined, timeoutMs: 5000 },
    ])
    expect(await client.request('stats', {}, WAIT)).toMatchObject({ refused: { ERR_X: 3 } })
  })
})

describe('the DHT', () => {
  test('a question reaches the node, hops come before the answer', async () => {
    await serve()
    const client = await connect()
    const hops: unknown[] = []
    const params = { action: 'lookup', key: 'b', trace: true, timeoutMs: 9 }
    const answer = client.request('dht', params, { ...WAIT, onEvent: (hop) => void hops.push(hop) })
    expect(await answer).toEqual({ key: 'k1', withdrawn: true })
    expect(hops).toEqual([{ key: 'k2', depth: 1 }])
    const dials = { disjointPaths: undefined, alpha: undefined }
    expect(target.asked).toEqual([{ action: 'lookup', key: 'b', trace: true, ...dials }])
    expect(target.lastOptions?.timeoutMs).toBe(9)
  })
})

describe('topics and procedures', () => {
  const message: MessageRow = {
    ...{ type: 'message', topic: 'a.b', payload: 12n, publisherKey: 'k2', sequence: 1 },
    ...{ retained: false, headers: {} },
  }

  test('a question reaches the node with its deadline and the answer comes back', async () => {
    await serve()
    const params = { action: 'call', procedure: 'a.b', input: 1, timeoutMs: 9 }
    expect(await (await connect()).request('services', params, WAIT)).toEqual([])
    expect(target.asked).toEqual([{ action: 'call', procedure: 'a.b', input: 1 }])
    expect(target.lastOptions?.timeoutMs).toBe(9)
  })

  test('a subscription is told until the client goes away, which ends it', async () => {
    const server = await serve()
    const client = await connect()
    const told: unknown[] = []
    const { over: ended } = await new Promise<{ readonly over: Promise<unknown> }>((resolve) => {
      const over = client
        .request(
          'subscribe',
          { filter: 'a.*' },
          {
            timeoutMs: Infinity,
            onEvent: (event) => {
              told.push(event)
              if (told.length === 1) for (const sink of target.sinks) sink.push(message)
              if (told.length === 2) resolve({ over })
            },
          },
        )
        .catch((error: unknown) => error)
    })
    expect(told).toEqual([{ type: 'following' }, { ...message, payload: '12' }])
    client.close()
    expect(await ended).toMatchObject({ code: 'ERR_CONTROL_CLOSED' })
    await server.stop()
    expect(target.sinks.size).toBe(0)
  })

  test('presence is told once, or until the client goes away; both leave nothing', async () => {
    const server = await serve()
    const client = await connect()
    const told: unknown[] = []
    const snapshot = { type: 'snapshot', topic: 'a.b', entries: [], isComplete: true }
    const onEvent = (event: unknown): void => void told.push(event)
    const params = { topic: 'a.b', timeoutMs: 9 }
    expect(await client.request('presence', params, { ...WAIT, onEvent })).toBe(null)
    expect(told.splice(0)).toEqual([snapshot])
    expect(target.asked).toEqual([params])
    expect(target.presenceWatches.size).toBe(0)
    const wrong = client.request('presence', { topic: 'a..b' }, { ...WAIT, onEvent })
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_TOPIC_INVALID' })

    const joined = { type: 'joined', topic: 'a.b', key: 'ann', nodeKey: 'k', meta: null } as const
    const { over } = await new Promise<{ readonly over: Promise<unknown> }>((resolve) => {
      const watching = client.request(
        'presence',
        { topic: 'a.b', follow: true },
        {
          timeoutMs: Infinity,
          onEvent: (event) => {
            told.push(event)
            if (told.length === 2) for (const push of target.presenceWatches) push(joined)
            if (told.length === 3) resolve({ over: watching.catch((error: unknown) => error) })
          },
        },
      )
    })
    expect(told).toEqual([snapshot, { type: 'following' }, joined])
    client.close()
    expect(await over).toMatchObject({ code: 'ERR_CONTROL_CLOSED' })
    await server.stop()
    expect(target.presenceWatches.size).toBe(0)
  })

  test('a subscription that the node refuses or ends says why, and leaves nothing', async () => {
    await serve()
    const client = await connect()
    const options = { ...WAIT, onEvent: () => {} }
    const refused = client.request('subscribe', { filter: 'a..b' }, options)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_FILTER_INVALID' })
    const end = (): void => {
      const over = new CliError('ERR_SUBSCRIPTION_ENDED', 'the subscription ended: drained')
      for (const sink of target.sinks) sink.end(over)
    }
    const ended = client.request('subscribe', { filter: 'a' }, { ...WAIT, onEvent: end })
    await expect(ended).rejects.toMatchObject({ code: 'ERR_SUBSCRIPTION_ENDED' })
    expect(target.sinks.size).toBe(0)
  })

  test('an offer lasts as long as its client, and one that is taken is refused', async () => {
    const server = await serve()
    const [client, other] = [await connect(), await connect()]
    const { over: ended } = await new Promise<{ readonly over: Promise<unknown> }>((resolve) => {
      const over = client
        .request(
          'advertise',
          { procedure: 'a.b', reply: 1 },
          {
            timeoutMs: Infinity,
            onEvent: () => resolve({ over }),
          },
        )
        .catch((error: unknown) => error)
    })
    expect([...target.offers.keys()]).toEqual(['a.b'])
    const again = other.request('advertise', { procedure: 'a.b', reply: 2 }, WAIT)
    await expect(again).rejects.toMatchObject({ code: 'ERR_RPC_PROCEDURE_TAKEN' })
    client.close()
    expect(await ended).toMatchObject({ code: 'ERR_CONTROL_CLOSED' })
    await server.stop()
    expect(target.offers.size).toBe(0)
  })
})

describe('the socket file', () => {
  test('is a socket that only its owner may use', async () => {
    const server = await serve()
    const stats = await lstat(server.path)
    expect(stats.isSocket()).toBe(true)
    expect(stats.mode & 0o777).toBe(0o600)
  })

  test('is gone after stop, and stop may be called twice', async () => {
    const server = await serve()
    await server.stop()
    await server.stop()
    await expect(stat(server.path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a live one is never replaced: ERR_DATA_DIR_LOCKED, and the first keeps working', async () => {
    await serve()
    await expect(openControlServer({ dataDir: root, target })).rejects.toMatchObject({
      code: 'ERR_DATA_DIR_LOCKED',
    })
    expect(await (await connect()).request('members', {}, WAIT)).toHaveLength(1)
  })

  test('a stale one, as kill -9 leaves it, is replaced', async () => {
    await leaveStaleSocket(join(root, 'control.sock'))
    await expect(connectControl({ dataDir: root, clock })).rejects.toMatchObject({
      code: 'ERR_NODE_NOT_RUNNING',
      message: expect.stringContaining('its last node has ended') as string,
    })
    await serve()
    expect(await (await connect()).request('members', {}, WAIT)).toHaveLength(1)
  })

  test('a file of that name that is no socket is left alone: ERR_CONTROL_SOCKET', async () => {
    await writeFile(join(root, 'control.sock'), 'precious')
    await expect(openControlServer({ dataDir: root, target })).rejects.toMatchObject({
      code: 'ERR_CONTROL_SOCKET',
    })
    expect(await readFile(join(root, 'control.sock'), 'utf8')).toBe('precious')
  })
})

describe('data directories with long names', () => {
  test('get a socket in a private directory, noted in the data directory, and it works', async () => {
    const dataDir = join(root, 'x'.repeat(120))
    await mkdir(dataDir)
    const temporaryDir = join(root, 't')
    await mkdir(temporaryDir)
    const server = await serve({ dataDir, socketPath: { temporaryDir } })
    expect(Buffer.byteLength(server.path)).toBeLessThanOrEqual(100)
    expect((await readFile(join(dataDir, 'control.path'), 'utf8')).trim()).toBe(server.path)
    const parent = await stat(join(server.path, '..'))
    expect(parent.mode & 0o777).toBe(0o700)
    expect(await (await connect(dataDir)).request('members', {}, WAIT)).toHaveLength(1)
  })

  test('a prepared directory that others may open is refused: ERR_CONTROL_SOCKET', async () => {
    const dataDir = join(root, 'x'.repeat(120))
    await mkdir(dataDir)
    const prepared = join(root, `fovea-${String(process.getuid?.() ?? 0)}`)
    await mkdir(prepared)
    await chmod(prepared, 0o777)
    await expect(
      openControlServer({ dataDir, target, socketPath: { temporaryDir: root } }),
    ).rejects.toMatchObject({ code: 'ERR_CONTROL_SOCKET' })
  })

  test('a path of the limit stays inside, one byte more goes outside', async () => {
    const bytes = Buffer.byteLength(join(root, 'control.sock'))
    const inside = await serve({ socketPath: { pathBytesMax: bytes } })
    expect(inside.path).toBe(join(root, 'control.sock'))
    await inside.stop()
    await expect(
      openControlServer({
        dataDir: root,
        target,
        socketPath: { pathBytesMax: bytes - 1, temporaryDir: root },
      }),
    ).rejects.toMatchObject({ code: 'ERR_CONTROL_SOCKET', message: /short enough/ })
  })
})

describe('a client that misbehaves', () => {
  test('a line of the limit is served; one byte more is answered with its code and closed', async () => {
    const server = await serve({ controlLineBytesMax: 200 })
    const ask = (length: number): string => {
      const start = '{"id":1,"method":"members","params":{"x":"'
      return `${start}${'y'.repeat(length - start.length - 3)}"}}`
    }
    const good = await raw(server.path)
    good.write(`${ask(200)}\n`)
    expect(await lineOf(good)).toMatchObject({ id: 1, result: [{ node: 'a@h:1' }] })
    const bad = await raw(server.path)
    bad.write(`${ask(201)}\n`)
    expect(await lineOf(bad)).toMatchObject({ id: 0, error: { code: 'ERR_CONTROL_LINE_TOO_LONG' } })
    await once(bad, 'close')
    good.write(`${ask(200)}\n`)
    expect(await lineOf(good)).toMatchObject({ id: 1 })
    expect(server.stats()).toMatchObject({ requestsRefused: 1, requests: 2 })
  })

  test('garbage is answered with ERR_CONTROL_REQUEST_INVALID and the connection goes on', async () => {
    const server = await serve()
    const socket = await raw(server.path)
    socket.write('GET / HTTP/1.1\n')
    expect(await lineOf(socket)).toMatchObject({ error: { code: 'ERR_CONTROL_REQUEST_INVALID' } })
    socket.write('{"id":3,"method":"members"}\n')
    expect(await lineOf(socket)).toMatchObject({ id: 3, result: expect.any(Array) as unknown[] })
  })

  test('controlConnectionsMax connections are served, one more is told ERR_CONTROL_BUSY', async () => {
    const server = await serve({ controlConnectionsMax: 2 })
    const first = await connect()
    const second = await connect()
    await first.request('members', {}, WAIT)
    await second.request('members', {}, WAIT)
    const third = await connect()
    await expect(third.request('members', {}, WAIT)).rejects.toMatchObject({
      code: 'ERR_CONTROL_BUSY',
    })
    expect(server.stats()).toMatchObject({ connections: 2, connectionsRefused: 1 })
  })

  test('controlRequestsMax requests run at once, one more is answered ERR_CONTROL_BUSY', async () => {
    await serve({ controlRequestsMax: 2 })
    const client = await connect()
    const waiting = [1, 2].map(() =>
      client.request('monitor', { name: 'n' }, { timeoutMs: Infinity }).catch(() => 'ended'),
    )
    await expect(client.request('members', {}, WAIT)).rejects.toMatchObject({
      code: 'ERR_CONTROL_BUSY',
    })
    client.close()
    expect(await Promise.all(waiting)).toEqual(['ended', 'ended'])
  })

  test('one that ends its direction is gone: what it asked for is aborted', async () => {
    const server = await serve()
    const socket = await raw(server.path)
    socket.write('{"id":1,"method":"monitor","params":{"name":"n"}}\n')
    expect(await lineOf(socket)).toMatchObject({ id: 1, event: { node: 'a@h:1' } })
    const aborted = once(target.lastOptions?.signal ?? new EventTarget(), 'abort')
    socket.end()
    await aborted
  })

  test('one that says nothing does not keep the node from stopping', async () => {
    const server = await serve()
    const socket = await raw(server.path)
    const closed = once(socket, 'close')
    await server.stop()
    expect(await closed).toHaveLength(1)
    expect(server.stats().connections).toBe(0)
  })
})

describe('no node to ask', () => {
  test.each([
    ['a directory that does not exist', async () => join(root, 'nothing')],
    [
      'a file',
      async () => {
        await writeFile(join(root, 'file'), '')
        return join(root, 'file')
      },
    ],
    ['an empty directory', async () => root],
  ])('%s is ERR_NODE_NOT_RUNNING with what to do', async (_name, make) => {
    await expect(connectControl({ dataDir: await make(), clock })).rejects.toMatchObject({
      code: 'ERR_NODE_NOT_RUNNING',
      hint: expect.stringContaining('fovea start') as string,
    })
  })

  test.each([
    ['EACCES', 'ERR_CONTROL_ACCESS', 'belongs to another user'],
    ['EPERM', 'ERR_CONTROL_ACCESS', 'belongs to another user'],
    ['ECONNREFUSED', 'ERR_NODE_NOT_RUNNING', 'its last node has ended'],
    ['ENOENT', 'ERR_NODE_NOT_RUNNING', 'it has no control socket'],
  ])('%s of the system is %s', (systemCode, code, words) => {
    const error = connectError('dir', Object.assign(new Error('no'), { code: systemCode }))
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) as string })
  })

  test('a request longer than a line may be is refused before it is sent', async () => {
    await serve()
    const client = await connect()
    const params = { name: 'n', method: 'm', input: 'x'.repeat(1_048_576) }
    await expect(client.request('call', params, WAIT)).rejects.toMatchObject({
      code: 'ERR_CONTROL_LINE_TOO_LONG',
    })
    expect(await client.request('members', {}, WAIT)).toHaveLength(1)
  })
})

async function raw(path: string): Promise<Socket> {
  const socket = createConnection(path)
  closing.push({ close: () => socket.destroy() })
  await once(socket, 'connect')
  return socket
}

async function lineOf(socket: Socket): Promise<unknown> {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return JSON.parse(chunk.toString('utf8'))
}

/** A socket file whose listener is gone: bound, then moved away from under a server that closes. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { rename } = await import('node:fs/promises')
  const server = createServer()
  server.listen(`${path}.live`)
  await once(server, 'listening')
  await rename(`${path}.live`, path)
  await new Promise((resolve) => server.close(resolve))
}
