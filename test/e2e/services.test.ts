/**
 * What an operator does with topics and procedures of a mesh of two processes on QUIC: publishes at one what the other
 * subscribes to, offers at one what the other calls.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PublishRow, RpcCallRow, ServiceRow } from '../../dist/cli/operations/service-rows.ts'
import { connect } from '../../mesh/index.ts'
import { Bench, type RunningNode } from './cli-process.ts'

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open()
})
afterEach(async () => {
  await bench.close()
})

const on = ({ dataDir }: RunningNode, ...args: string[]): string[] => [
  ...args,
  ...['--data-dir', dataDir],
]

const ask = async <T>(at: RunningNode, ...args: string[]): Promise<T> =>
  (await bench.ask(on(at, ...args))) as T

describe('topics and procedures on the command line', () => {
  test('publish, subscribe, topics, advertise, services and call between two nodes', async () => {
    const realm = await bench.realm()
    const a = await bench.node('a', realm, ['--preset', 'local'])
    const b = await bench.node('b', realm, ['--preset', 'local', '--seed', a.id])

    const subscriber = bench.start(on(b, 'subscribe', 'shop.*', '--count', '1', '--json'))
    await subscriber.event('subscribed', { filter: 'shop.*' })
    expect(await ask(b, 'topics')).toMatchObject([{ filter: 'shop.*', plain: 1 }])
    const publish = ['publish', 'shop.tea', '{"n":2}', '--qos', '1']
    let published = await ask<PublishRow>(a, ...publish)
    // Until they have found each other; each question takes a process, so none spins.
    for (let tries = 0; published.nodes === 0 && tries < 40; tries++) {
      published = await ask(a, ...publish)
    }
    expect(published).toMatchObject({ qos: 1, local: 0, nodes: 1 })
    expect((await subscriber.ended).code).toBe(0)
    const message = await subscriber.event('message')
    expect(message).toMatchObject({ topic: 'shop.tea', payload: { n: 2 }, publisher: a.id })

    const offer = bench.start(on(b, 'advertise', 'shop.price', '--reply', '{"euro":3}', '--json'))
    await offer.event('advertised', { procedure: 'shop.price' })
    const called = await ask<RpcCallRow>(a, 'call', 'shop.price', '"tea"')
    expect(called.value).toEqual({ euro: 3 })
    expect(await offer.event('served')).toMatchObject({ input: 'tea', caller: a.id })
    expect(await ask<ServiceRow[]>(a, 'services', 'shop.price')).toMatchObject([
      { procedure: 'shop.price', node: b.id },
    ])
    offer.kill('SIGINT')
    expect((await offer.ended).code).toBe(0)

    const nobody = await bench.run(on(b, 'call', 'shop.price', '1'))
    expect(nobody).toMatchObject({ code: 1, stdout: '' })
    expect(nobody.stderr).toMatch(/^ERR_RPC_NO_PROVIDER: .*\n {2}hint: .*fovea services/)
    const wrong = await bench.run(on(a, 'publish', 'shop.*', '1'))
    expect(wrong.stderr).toMatch(/^ERR_TOPIC_INVALID: /)
    const late = await bench.run(on(a, 'subscribe', 'a', '--count', '1', '--timeout-ms', '100'))
    expect(late).toMatchObject({ code: 1, stdout: '' })
    expect(late.stderr).toMatch(/^ERR_SUBSCRIBE_TIMEOUT: 0 of 1 messages/)
    expect(await bench.run(on(a, 'subscribe', 'a', '--timeout-ms', '100'))).toMatchObject({
      code: 0,
    })
  }, 60_000)

  test('subscribe and advertise say that a node does not answer', async () => {
    const a = await bench.node('a', await bench.realm(), ['--preset', 'local'])
    a.process.kill('SIGSTOP')
    const [subscribed, advertised] = await Promise.all([
      bench.run(on(a, 'subscribe', 'a', '--timeout-ms', '100')),
      bench.run(on(a, 'advertise', 'a', '--reply', '1')),
    ])
    a.process.kill('SIGCONT')
    for (const { code, stdout, stderr } of [subscribed, advertised]) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^ERR_CONTROL_TIMEOUT: /)
    }
  }, 60_000)

  test('start --gateway serves its health and takes in peers at the edge', async () => {
    const realm = await bench.realm()
    const gate = await bench.node('gate', realm, ['--health-port', '0'])
    const url = `http://127.0.0.1:${String(gate.ready['healthPort'])}/ready`
    expect((await fetch(url)).status).toBe(200)
    const peer = await connect(gate.id, { realm, name: 'sensor' })
    const heard = bench.start(on(gate, 'subscribe', 'hall.*', '--count', '1', '--json'))
    await heard.event('subscribed')
    await peer.pubsub.publish('hall.heat', 21, { delivery: 'at_least_once' })
    expect(await heard.event('message')).toMatchObject({ topic: 'hall.heat', payload: 21 })
    const hello = await ask<RpcCallRow>(gate, 'call', 'io.fovea.diagnostics.hello')
    expect(hello.value).toMatchObject({ node: gate.id })
    // One that is interrupted says goodbye: what it offered is nobody's at once.
    const edge = ['--gateway', gate.id, '--realm', realm]
    const offer = bench.start(['advertise', 'hall.lamp', '--reply', '1', '--json', ...edge])
    await offer.event('advertised')
    expect((await ask<RpcCallRow>(gate, 'call', 'hall.lamp')).value).toBe(1)
    offer.kill('SIGTERM')
    expect((await offer.ended).code).toBe(0)
    expect(await ask<ServiceRow[]>(gate, 'services', 'hall.lamp')).toEqual([])
    const busy = await bench.run([
      ...['start', '--name', 'late', '--port', '0', '--realm', realm],
      ...['--health-port', String(gate.ready['healthPort'])],
    ])
    expect(busy.stderr).toMatch(/^ERR_GATEWAY_HEALTH_BIND: .*\n {2}hint: .*--health-port/)
    await peer.close()
  }, 60_000)
})
