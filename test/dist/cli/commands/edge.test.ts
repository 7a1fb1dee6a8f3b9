/** Commands at the edge: each is a peer for as long as it runs, through a gateway in this process on loopback QUIC. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRealClock, createSystemEntropy } from '../../../../runtime/index.ts'
import type { CliIo, StopCause } from '../../../../dist/cli/io.ts'
import { runCli } from '../../../../dist/cli/run.ts'
import { createRealm, formatRealm, startMesh, type Mesh } from '../../../../mesh/index.ts'

let directory = ''
let gate: Mesh
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fovea-edge-'))
  const realm = createRealm('test.fovea')
  await writeFile(join(directory, 'realm'), formatRealm(realm), { mode: 0o600 })
  gate = await startMesh({ realm, name: 'gate', host: '127.0.0.1', port: 0, gateway: true })
})
afterAll(async () => {
  await gate.stop()
  await rm(directory, { recursive: true, force: true })
})

/** One run of the program, with what it prints. */
class Run {
  readonly lines: string[] = []
  readonly errors: string[] = []
  readonly code: Promise<number>
  /** Resolves when Ctrl-C is listened for. */
  readonly listens: Promise<void>
  #stop: (cause: StopCause) => void = () => {}
  #waiting: { readonly text: string; readonly resolve: (line: string) => void } | undefined

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    let listens = (): void => {}
    this.listens = new Promise((resolve) => (listens = resolve))
    const io: CliIo = {
      clock: createRealClock(),
      entropy: createSystemEntropy(),
      env,
      terminal: false,
      terminalRows: () => Infinity,
      out: (line) => {
        this.lines.push(line)
        if (line.includes(this.#waiting?.text ?? '\0')) this.#waiting?.resolve(line)
      },
      err: (line) => void this.errors.push(line),
      onStop: (handler) => {
        this.#stop = handler
        listens()
        return () => {}
      },
      onOutputGone: () => () => {},
      exitNow: () => {},
    }
    this.code = runCli(argv, io)
  }

  /** The first line with `text` in it, now or later. */
  sees(text: string): Promise<string> {
    const found = this.lines.find((line) => line.includes(text))
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve) => (this.#waiting = { text, resolve }))
  }

  async interrupt(): Promise<number> {
    await this.listens
    this.#stop('SIGINT')
    return await this.code
  }
}

const edge = (...argv: readonly string[]): Run =>
  new Run([...argv, '--gateway', gate.nodeId, '--realm', join(directory, 'realm')])

describe('commands at the edge of a mesh', () => {
  test('publish reaches those who subscribe at members, once or acknowledged', async () => {
    const heard: unknown[] = []
    gate.pubsub.subscribe('shop.*.sold', ({ payload }) => void heard.push(payload))
    for (const qos of ['0', '1']) {
      const run = edge('publish', 'shop.tea.sold', qos, '--qos', qos, '--json')
      expect({ code: await run.code, errors: run.errors }).toEqual({ code: 0, errors: [] })
      expect(JSON.parse(run.lines[0]!)).toMatchObject({ local: 0, nodes: 1, dropped: 0 })
    }
    await expect.poll(() => heard).toEqual([0, 1])
  })

  test('subscribe is in force when it says so, and shares with its group until Ctrl-C', async () => {
    const runs = [1, 2].map(() => edge('subscribe', 'jobs.*', '--group', 'workers', '--json'))
    await Promise.all(runs.map((run) => run.sees('"subscribed"')))
    for (let n = 0; n < 10; n++) {
      const { nodes } = await gate.pubsub.publish('jobs.print', n, { delivery: 'at_least_once' })
      expect(nodes).toBe(1)
    }
    expect(await Promise.all(runs.map((run) => run.interrupt()))).toEqual([0, 0])
    const payloads = runs.flatMap(({ lines }) =>
      lines.flatMap((line) => (JSON.parse(line) as { payload?: number }).payload ?? []),
    )
    expect(payloads.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(runs.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('advertise at one edge answers call at another, and no more after Ctrl-C', async () => {
    const offer = edge('advertise', 'shop.price', '--reply', '{"euro":3}')
    await offer.sees('shop.price is advertised')
    const call = edge('call', 'shop.price', '"tea"', '--json')
    expect(await call.code).toBe(0)
    expect(JSON.parse(call.lines[0]!)).toMatchObject({ value: { euro: 3 } })
    await offer.sees('shop.price tea from ')
    const shown = async (...name: readonly string[]): Promise<readonly unknown[]> => {
      const list = edge('services', ...name, '--json')
      expect({ code: await list.code, errors: list.errors }).toEqual({ code: 0, errors: [] })
      return (JSON.parse(list.lines[0]!) as { procedure: string }[]).map(
        ({ procedure }) => procedure,
      )
    }
    expect(await shown('shop.**')).toEqual(['shop.price'])
    expect(await shown()).toEqual(
      expect.arrayContaining(['io.fovea.diagnostics.echo', 'shop.price']),
    )
    expect(await offer.interrupt()).toBe(0)
    const late = edge('call', 'shop.price')
    expect(await late.code).toBe(1)
    expect(late.errors[0]).toMatch(/^ERR_RPC_NO_PROVIDER: /)
  })

  test('presence shows who is there at members and edges, and goes on with --watch', async () => {
    const ann = gate.presence.track('chat.room1', 'ann', { mood: 'well' })
    const once = edge('presence', 'chat.room1', '--json')
    expect(await once.code).toBe(0)
    expect(JSON.parse(once.lines[0]!)).toEqual([
      { key: 'ann', nodeKey: gate.key.hex, meta: { mood: 'well' } },
    ])
    const watching = edge('presence', 'chat.room1', '--watch')
    await watching.sees('ann')
    ann.untrack()
    await watching.sees('ann left at ')
    expect(await watching.interrupt()).toBe(0)
  })

  test('a gateway that is lost and found again is told of, and what is subscribed to is so again', async () => {
    const realm = createRealm('test.fovea.other')
    const file = join(directory, 'other')
    await writeFile(file, formatRealm(realm), { mode: 0o600 })
    const options = { realm, name: 'lone', host: '127.0.0.1' }
    const health = { health: false } as const
    let lone = await startMesh({ ...options, port: 0, gateway: health })
    const { nodeId } = lone
    const run = new Run(['subscribe', 'news', '--gateway', nodeId, '--realm', file, '--count', '1'])
    // It waits for messages when its gateway knows what it wants.
    await expect.poll(() => lone.gateway?.clients().length, { timeout: 10_000 }).toBe(1)
    await run.listens
    await lone.stop()
    await expect.poll(() => run.errors.join()).toContain('the gateway is gone')
    lone = await startMesh({ ...options, port: Number(nodeId.split(':').at(-1)), gateway: health })
    await expect.poll(() => run.errors.at(-1), { timeout: 10_000 }).toBe('there is a gateway again')
    await expect
      .poll(async () => (await lone.pubsub.publish('news', 1)).nodes, { timeout: 10_000 })
      .toBe(1)
    expect(await run.code).toBe(0)
    expect(run.lines).toEqual([expect.stringContaining('news')])
    await lone.stop()
  })

  test('what is wrong has a code and a hint', async () => {
    const wrong = edge('subscribe', 'a..b')
    expect(await wrong.code).toBe(1)
    expect(wrong.errors.join()).toMatch(/^ERR_FILTER_INVALID: .*hint: a filter is/)
    const place = ['--gateway', '127.0.0.1:9', '--realm', join(directory, 'realm')]
    const nobody = new Run(['call', 'a.b', '--timeout-ms', '300', ...place])
    expect(await nobody.code).toBe(1)
    expect(nobody.errors.join()).toMatch(/^ERR_PEER_TIMEOUT: .*hint: see that the gateway runs/)
    const given = new Run(['subscribe', 'a.b', ...place])
    expect(await given.interrupt()).toBe(130)
    await expect.poll(() => gate.gateway?.clients()).toEqual([])
  })
})
