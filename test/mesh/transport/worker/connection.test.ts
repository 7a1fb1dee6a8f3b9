/** What a thread may not do on a port, whatever code runs in it. Real ports, virtual time. */
import type { MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWorkerTransport, Line, Switchboard } from '../../../../mesh/transport/worker.ts'
import { BatchWriter } from '../../../../mesh/transport/worker/records.ts'
import { helloOf, Prover } from '../../../../mesh/transport/worker/handshake.ts'
import type { Hello, Welcome } from '../../../../mesh/transport/worker/handshake.ts'
import { resolveWorkerOptions } from '../../../../mesh/transport/worker/options.ts'
import { createCertificate } from '../../../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../../../mesh/identity/keys.ts'
import type { TransportAddress, TransportSecurity } from '../../../../mesh/transport/transport.ts'
import { createRealClock, createSimClock } from '../../../../runtime/index.ts'
import { Kit, Watched } from '../../../conformance/transport-world.ts'
import type { KitNode, TransportWorld } from '../../../conformance/transport-world.ts'

const real = createRealClock()
const turn = (): Promise<void> => new Promise((resolve) => real.nextTurn(resolve))

let switchboard: Switchboard
let kit: Kit

beforeEach(() => {
  const clock = createSimClock()
  switchboard = new Switchboard()
  const world: TransportWorld = {
    host: '127.0.0.1',
    transport: (limits) =>
      createWorkerTransport(new Line(switchboard.connect()), { clock, ...limits }),
    nowMs: () => clock.now(),
    kill: () => {},
    until: async (condition, what) => {
      for (let step = 0; !condition(); step++) {
        if (step > 5_000) expect.fail(`waited in vain for ${what}`)
        await clock.advance(1)
        await turn()
      }
    },
  }
  kit = new Kit(world)
})

afterEach(async () => {
  await kit.close()
  switchboard.close()
})

/** A thread that speaks on a port itself. */
class Rogue {
  readonly port: MessagePort
  readonly heard: unknown[] = []
  closed = false
  readonly hello: Hello
  readonly prover: Prover

  private constructor(port: MessagePort, prover: Prover, to: TransportAddress) {
    this.port = port
    this.prover = prover
    const options = resolveWorkerOptions({})
    const words = { to, alpn: 'fovea/1:kit', nonce: new Uint8Array(32).fill(1) }
    this.hello = helloOf(words, prover, options)
    port.on('message', (message) => this.heard.push(message))
    port.on('close', () => (this.closed = true))
  }

  /** Dials `listener` with an address and a certificate of its own. */
  static async dial(listener: KitNode): Promise<Rogue> {
    const line = new Line(switchboard.connect())
    const from = await line.bind({ host: '127.0.0.1', port: 0 }, () => {})
    const { address } = listener.endpoint
    return new Rogue(line.dial(from, address), await proverOf(), address)
  }

  /** Proves its own key and is let in. */
  static async connected(listener: KitNode): Promise<Rogue> {
    const rogue = await Rogue.dial(listener)
    rogue.say(rogue.hello)
    await kit.world.until(() => rogue.heard.length === 1, 'the welcome')
    const answer = rogue.heard[0] as Welcome
    rogue.say({ type: 'finished', signature: rogue.prover.prove('dialler', rogue.hello, answer) })
    await kit.world.until(() => listener.accepted.length === 1, 'the connection')
    return rogue
  }

  say(message: unknown): void {
    this.port.postMessage(message, [])
  }

  batch(write: (writer: BatchWriter) => void): void {
    const writer = new BatchWriter()
    write(writer)
    this.say(writer.finish())
  }
}

async function securityOf(keys = generateNodeKeys()): Promise<TransportSecurity> {
  const { pem } = await createCertificate(keys, { wallNowMs: real.wallNow() })
  const { privateKeyPem } = keys
  return { certificatePem: pem, privateKeyPem, alpn: '', verifyPeer: () => keys.nodeKey }
}

async function proverOf(): Promise<Prover> {
  return new Prover(await securityOf())
}

describe('keys', () => {
  it('a thread that shows the certificate of another node is not let in', async () => {
    const listener = await kit.node()
    const victim = await proverOf()
    const rogue = await Rogue.dial(listener)
    const hello = { ...rogue.hello, certificate: victim.certificate }
    rogue.say(hello)
    await kit.world.until(() => rogue.heard.length === 1, 'the welcome')
    const answer = rogue.heard[0] as Welcome
    rogue.say({ type: 'finished', signature: rogue.prover.prove('dialler', hello, answer) })
    await kit.world.until(() => rogue.closed, 'the end')
    expect(listener.accepted).toEqual([])
    expect(listener.refusals).toMatchObject([
      { code: 'ERR_TRANSPORT_PEER_KEY', message: 'the peer did not prove the key it shows' },
    ])
    expect(listener.endpoint.stats().connections).toBe(0)
  })

  it.each(['another nonce', "the listener's own proof"])(
    'a proof is worth nothing elsewhere: %s',
    async (what) => {
      const listener = await kit.node()
      const rogue = await Rogue.dial(listener)
      rogue.say(rogue.hello)
      await kit.world.until(() => rogue.heard.length === 1, 'the welcome')
      const answer = rogue.heard[0] as Welcome
      const old = { ...answer, nonce: new Uint8Array(32) }
      const signature =
        what === 'another nonce'
          ? rogue.prover.prove('dialler', rogue.hello, old)
          : answer.signature
      rogue.say({ type: 'finished', signature })
      await kit.world.until(() => rogue.closed, 'the end')
      expect(listener.refusals.map(({ code }) => code)).toEqual(['ERR_TRANSPORT_PEER_KEY'])
    },
  )

  it('a thread in between, which passes on the words of both, is taken for neither', async () => {
    const [listener, dialler] = [await kit.node(), await kit.node()]
    const line = new Line(switchboard.connect())
    const own: TransportAddress = await line.bind({ host: '127.0.0.1', port: 0 }, (_from, port) => {
      const onward = line.dial(own, listener.endpoint.address)
      port.on('message', (message) => onward.postMessage(message, []))
      onward.on('message', (message) => port.postMessage(message, []))
    })
    const dial = dialler.endpoint.dial(own)
    await expect(dial).rejects.toMatchObject({ code: 'ERR_TRANSPORT_PROTOCOL' })
    expect(listener.accepted).toEqual([])
    expect(listener.refusals).toMatchObject([{ message: 'another address' }])
    line.close()
  })

  it('a listener that shows the certificate of another node is not believed', async () => {
    const dialler = await kit.node()
    const victim = await proverOf()
    const own = await proverOf()
    const line = new Line(switchboard.connect())
    const address = await line.bind({ host: '127.0.0.1', port: 0 }, (_from, port) => {
      port.on('message', (hello: Hello) => {
        const { certificate } = victim
        const answer = { type: 'welcome', certificate, nonce: hello.nonce, terms: hello.terms }
        const signature = own.prove('listener', hello, answer as Welcome)
        port.postMessage({ ...answer, signature }, [])
      })
    })
    expect(await kit.codeOf(dialler.endpoint.dial(address))).toBe('ERR_TRANSPORT_PEER_KEY')
  })

  it.each([
    ['nothing of ours', { type: 'hello' }],
    ['another version', { version: 2 }],
    ['a nonce of 31 bytes', { nonce: new Uint8Array(31) }],
    ['a window of 0', { terms: { streamWindowBytes: 0 } }],
    ['a protocol of 256 characters', { alpn: 'x'.repeat(256) }],
  ])('a dialler that says %s is refused', async (_what, change) => {
    const listener = await kit.node()
    const rogue = await Rogue.dial(listener)
    const isWhole = !('type' in change)
    rogue.say(isWhole ? { ...rogue.hello, ...change } : change)
    await kit.world.until(() => rogue.closed, 'the end')
    expect(rogue.heard).toEqual([{ type: 'refused', code: 'ERR_TRANSPORT_PROTOCOL' }])
    expect(listener.endpoint.stats()).toMatchObject({ connections: 0, connectionsRefused: 1 })
  })

  it('a dialler that says nothing is dropped after handshakeTimeoutMs', async () => {
    const listener = await kit.node({ limits: { handshakeTimeoutMs: 50 } })
    const rogue = await Rogue.dial(listener)
    await kit.world.until(() => rogue.closed, 'the end')
    expect(listener.refusals.map(({ code }) => code)).toEqual(['ERR_TRANSPORT_TIMEOUT'])
  })
})

describe('a connected thread', () => {
  const limits = { streamWindowBytes: 1_024, streamsMax: 2, datagramQueueMax: 4 }
  const send =
    (write: (writer: BatchWriter) => void) =>
    (rogue: Rogue): void =>
      rogue.batch(write)
  const nothing = (): void => {}

  it.each<[string, (rogue: Rogue) => void, (rogue: Rogue) => void]>([
    ['no batch', nothing, (rogue) => rogue.say({ type: 'close' })],
    ['half a batch', nothing, (rogue) => rogue.say(new ArrayBuffer(5))],
    [
      'more of a stream than streamWindowBytes',
      send((batch) => batch.data(0, new Uint8Array(1_024))),
      send((batch) => batch.data(0, new Uint8Array(1))),
    ],
    [
      'more streams than twice streamsMax',
      send((batch) => [0, 4, 8, 12].forEach((id) => batch.data(id, new Uint8Array(1)))),
      send((batch) => batch.data(16, new Uint8Array(1))),
    ],
    [
      'more datagrams than datagramQueueMax while nobody takes them',
      send((batch) => [1, 2, 3, 4].forEach(() => batch.datagram(new Uint8Array(1)))),
      send((batch) => batch.datagram(new Uint8Array(1))),
    ],
  ])('that sends %s loses its connection, and both are told', async (_what, allowed, more) => {
    const listener = await kit.node({ limits })
    const rogue = await Rogue.connected(listener)
    const connection = listener.accepted[0]!
    allowed(rogue)
    const { packetsReceived } = listener.endpoint.stats()
    const heard = (): boolean => listener.endpoint.stats().packetsReceived >= packetsReceived
    await kit.world.until(heard, 'what is allowed')
    for (let i = 0; i < 3; i++) await turn()
    expect(connection.closed).toBeUndefined()
    more(rogue)
    await kit.world.until(() => connection.closed !== undefined, 'the end')
    expect(connection.closed).toEqual({ by: 'error', code: 1, reason: 'ERR_TRANSPORT_GARBAGE' })
    await kit.world.until(() => rogue.closed, 'the port to close')
    expect(listener.refusals.map(({ code }) => code)).toEqual(['ERR_TRANSPORT_GARBAGE'])
    expect(listener.endpoint.stats()).toMatchObject({ connections: 0, packetsDropped: 1 })
  })

  it('that ends is gone at once: connection_closed, not silence', async () => {
    const listener = await kit.node()
    const rogue = await Rogue.connected(listener)
    const far = new Watched(listener.accepted[0]!)
    const startMs = kit.world.nowMs()
    rogue.port.close()
    await kit.world.until(() => far.closed.length === 1, 'the end')
    expect(far.closed).toEqual([{ by: 'error', code: 0, reason: 'the thread of the peer is gone' }])
    expect(kit.world.nowMs() - startMs).toBeLessThan(50)
  })
})

describe('datagrams', () => {
  it('datagramQueueMax may be on their way and not one more, and again when they were taken', async () => {
    const { near, far } = await kit.pair({ datagramQueueMax: 4 })
    const bytes = Uint8Array.of(1)
    const taken = Array.from({ length: 5 }, () => near.connection.sendDatagram(bytes))
    expect(taken).toEqual([true, true, true, true, false])
    await kit.world.until(() => far.datagrams.length === 4, 'the datagrams')
    await kit.world.until(() => near.connection.sendDatagram(bytes), 'room')
    await kit.world.until(() => far.datagrams.length === 5, 'the fifth')
  })
})
