import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TransportAddress } from '../../../../mesh/transport/transport.ts'
import { echo, Kit, Watched } from '../../../conformance/transport-world.ts'
import { Compiled } from '../../../support/compiled.ts'
import { quicWorld } from '../../../support/transport-quic.ts'

const CHILD = 'test/support/quic-child.ts'

describe('QUIC between processes', () => {
  let compiled: Compiled
  beforeAll(() => {
    compiled = new Compiled([CHILD])
  })
  afterAll(() => compiled.close())

  it('a process that opened, dialled and closed ends by itself', async () => {
    const kit = new Kit(quicWorld())
    const listener = await kit.node({ onConnection: (connection) => echo(new Watched(connection)) })
    const { host, port } = listener.endpoint.address
    const child = compiled.run(CHILD, ['visit', host, String(port)])
    await kit.world.until(() => child.exit !== undefined, 'the process to end')
    expect({ exit: child.exit, output: child.output }).toEqual({
      exit: { code: 0, signal: null },
      output: '',
    })
    expect(child.messages).toEqual(['done'])
    await kit.close()
  })

  it.each([
    ['within the idle timeout', { loopbackPortCheck: false }, 'idle_timeout', ''],
    ['as soon as the system knows', {}, 'error', 'ERR_TRANSPORT_PORT_CLOSED'],
  ])('a process killed with SIGKILL is noticed %s', async (_when, more, by, reason) => {
    const kit = new Kit(quicWorld('127.0.0.1', more))
    // With the check, what is said after its death is enough: nothing here waits for the idle timeout.
    const idleTimeoutMs = by === 'error' ? 60_000 : 500
    const dialler = await kit.node({ limits: { idleTimeoutMs } })
    const child = compiled.run(CHILD, ['listen'])
    await kit.world.until(() => child.messages.length > 0, 'the listener')
    const address = child.messages[0] as TransportAddress
    const near = new Watched(await dialler.endpoint.dial(address))
    const out = near.open()
    out.stream.write(Buffer.from('alive?'))
    await kit.world.until(() => out.text === 'alive?', 'an echo')
    child.process.kill('SIGKILL')
    await kit.world.until(() => child.exit !== undefined, 'the end of the process')
    out.stream.write(Buffer.from('and now?'))
    await kit.world.until(() => near.closed.length === 1, 'the silence to be noticed')
    expect(near.closed).toEqual([{ by, code: 0, reason }])
    await kit.close()
  })

  it('a blocked event loop does not take words that wait in the socket for silence', async () => {
    const idleTimeoutMs = 1_800
    const kit = new Kit(quicWorld())
    const dialler = await kit.node({ limits: { idleTimeoutMs } })
    const child = compiled.run(CHILD, ['listen', String(idleTimeoutMs)])
    await kit.world.until(() => child.messages.length > 0, 'the listener')
    const near = new Watched(await dialler.endpoint.dial(child.messages[0] as TransportAddress))
    const out = near.open()
    out.stream.write(Buffer.from('1'))
    await kit.world.until(() => out.text === '1', 'an echo')
    // The peer counts anew only when it speaks after all that it said was acknowledged.
    const { packetsSent } = dialler.endpoint.stats()
    await kit.world.until(() => dialler.endpoint.stats().packetsSent > packetsSent, 'that')
    // Deaf for longer than our timeout. The peer speaks after a third of it, which starts its own
    // count again, so it is still there when we wake up.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, idleTimeoutMs * 1.15)
    out.stream.write(Buffer.from('2'))
    await kit.world.until(() => out.text === '12' || near.closed.length > 0, 'the next echo')
    expect(near.closed).toEqual([])
    await kit.close()
  })
})
