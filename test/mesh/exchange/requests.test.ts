import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { Rates } from '../../../mesh/exchange/rates.ts'
import { Requests } from '../../../mesh/exchange/requests.ts'
import type { RequestsLimits } from '../../../mesh/exchange/requests.ts'
import { LinkError } from '../../../mesh/link/errors.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { ProbeTimes } from '../../../mesh/membership/probe-times.ts'
import { REQUESTS_LIMITS } from '../../../mesh/membership/driver.ts'
import { SwimProtocol } from '../../../mesh/membership/swim-protocol.ts'
import type { SwimReply, SwimRequest } from '../../../mesh/membership/swim/message.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'

const protocol = new SwimProtocol(new Codec(), new Uint8Array(32))
const keyOf = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const contact = (n: number) => ({ id: keyOf(n).hex, host: '10.0.0.1', port: 4433 })
const probe: SwimRequest = { type: 'probe', updates: [] }

const { requestsMax } = REQUESTS_LIMITS

function make(firstNumber = 41, limits: Partial<RequestsLimits> = {}) {
  const clock = createSimClock()
  const refusals = new Refusals(clock, silentLogger)
  const sent: string[] = []
  const waiting: { readonly linked: (link: Link) => void; readonly lost: () => void }[] = []
  const onDemand = {
    whenLinked: (_to: unknown, linked: (link: Link) => void, lost: () => void) => {
      const entry = { linked, lost }
      waiting.push(entry)
      return () => void left.push(waiting.indexOf(entry))
    },
  }
  const left: number[] = []
  const requests = new Requests<SwimRequest, SwimReply>({
    ...{ protocol, refusals, clock, firstNumber, onDemand },
    limits: { ...REQUESTS_LIMITS, ...limits },
  })
  const linkTo = (n: number, send?: () => boolean) =>
    ({
      peer: { key: keyOf(n), frameBytesMax: 65_536 },
      state: 'established',
      send: (lane: string, frame: Uint8Array) => {
        if (send !== undefined) return send()
        const said = protocol.readStream(frame.subarray(HEADER_BYTES))
        if (said.type === 'hold') throw new Error('not a request')
        sent.push(`${lane} ${said.number} ${said.type === 'part' ? 'part' : said.message.type}`)
        return true
      },
    }) as unknown as Link
  const failed: number[] = []
  const ask = (id: number, to = 1, deadlineMs = 1_000) =>
    requests.send(id, contact(to), probe, deadlineMs, () => void failed.push(id))
  return { requests, sent, waiting, left, linkTo, failed, ask, refusals, clock }
}

describe('requests of this node', () => {
  it('go out under a number of their own once there is a link, and an answer finds them once', () => {
    const { requests, sent, waiting, linkTo, ask } = make()
    ask(7)
    expect(sent).toEqual([])
    waiting[0]!.linked(linkTo(1))
    expect(sent).toEqual(['sync 42 probe'])
    expect(requests.answered(keyOf(1).hex, 42)).toBe(7)
    expect(requests.answered(keyOf(1).hex, 42)).toBeUndefined()
    expect(requests.stats()).toEqual({ requestsSent: 1, requestsFailed: 0 })
  })

  it('take no answer from another node, and none to a number that is not theirs', () => {
    const { requests, waiting, linkTo, ask } = make()
    ask(7)
    waiting[0]!.linked(linkTo(1))
    expect(requests.answered(keyOf(2).hex, 42)).toBeUndefined()
    expect(requests.answered(keyOf(1).hex, 41)).toBeUndefined()
    expect(requests.answered(keyOf(1).hex, 42)).toBe(7)
  })

  it('fail when no link comes, when the lane is full, and when the link goes down', () => {
    const { requests, waiting, linkTo, ask, failed } = make()
    ask(1)
    waiting[0]!.lost()
    expect(failed).toEqual([1])
    ask(2)
    const full = () => {
      throw new LinkError('ERR_LINK_QUEUE_FULL', 'full')
    }
    waiting[1]!.linked(linkTo(1, full))
    expect(failed).toEqual([1, 2])
    ask(3)
    waiting[2]!.linked(linkTo(1))
    expect(requests.linkDown(keyOf(2).hex)).toEqual([])
    expect(requests.linkDown(keyOf(1).hex)).toEqual([3])
    expect(requests.linkDown(keyOf(1).hex)).toEqual([])
    expect(requests.stats()).toMatchObject({ requestsFailed: 3 })
  })

  it('a bug in a send is not taken for a full lane', () => {
    const { waiting, linkTo, ask } = make()
    ask(1)
    const broken = () => {
      throw new TypeError('a bug')
    }
    expect(() => waiting[0]!.linked(linkTo(1, broken))).toThrow(TypeError)
  })

  it('are overdue at their deadline and not before', () => {
    const { requests, ask } = make()
    ask(1, 1, 500)
    ask(2, 2, 700)
    expect(requests.nextDueMs).toBe(500)
    expect(requests.tick(499)).toEqual([])
    expect(requests.tick(500)).toEqual([1])
    expect(requests.nextDueMs).toBe(700)
    requests.close()
    expect(requests.nextDueMs).toBe(Infinity)
  })

  it('are not sent when they were cancelled while the node was dialled', () => {
    const { requests, sent, waiting, left, linkTo, ask, failed } = make()
    ask(1)
    requests.cancel(1)
    expect(left).toEqual([0])
    waiting[0]!.linked(linkTo(1))
    waiting[0]!.lost()
    expect([sent, failed]).toEqual([[], []])
  })

  it('are requestsMax at most; the next one fails at once', () => {
    const { ask, failed, refusals } = make()
    for (let id = 0; id < requestsMax; id++) ask(id)
    expect(failed).toEqual([])
    ask(99)
    expect(failed).toEqual([99])
    expect(refusals.counters()).toEqual({ ERR_MEMBERS_REQUESTS_MAX: 1 })
  })

  it('are requestsPerPeerMax at most with one peer; others have room', () => {
    const { ask, failed, requests } = make(1, { requestsPerPeerMax: 2 })
    for (const id of [1, 2, 3]) ask(id, 1)
    ask(4, 2)
    expect(failed).toEqual([3])
    requests.cancel(1)
    ask(5, 1)
    expect([failed, requests.size]).toEqual([[3], 3])
  })

  it('above perSecondMax wait for the next second, and only those of that peer', async () => {
    const { ask, sent, waiting, linkTo, requests, clock } = make(0, { perSecondMax: 2 })
    for (const id of [1, 2, 3]) ask(id, 1, 5_000)
    ask(4, 2, 5_000)
    for (const [index, n] of [1, 1, 1, 2].entries()) waiting[index]!.linked(linkTo(n))
    expect(sent).toHaveLength(3)
    expect(requests.nextDueMs).toBe(clock.now() + 1_000)
    await clock.advance(1_000)
    expect(requests.tick(clock.now())).toEqual([])
    expect(sent).toHaveLength(4)
    expect(requests.nextDueMs).toBe(5_000)
  })

  it('that wait for the next second end with their deadline and with their link', async () => {
    const { ask, sent, waiting, linkTo, requests } = make(0, { perSecondMax: 1 })
    for (const id of [1, 2, 3]) ask(id, 1, id === 2 ? 500 : 5_000)
    const link = linkTo(1)
    for (const { linked } of waiting) linked(link)
    expect(requests.tick(500)).toEqual([2])
    expect(requests.linkDown(keyOf(1).hex)).toEqual([1, 3])
    expect([sent.length, requests.size, requests.nextDueMs]).toEqual([1, 0, Infinity])
  })

  it('number from 0 again after 2^32', () => {
    const { sent, waiting, linkTo, ask } = make(0xffff_ffff)
    ask(1)
    waiting[0]!.linked(linkTo(1))
    expect(sent).toEqual(['sync 0 probe'])
  })
})

describe('requests of peers', () => {
  it('are answered under their number, once, on the link they came from', () => {
    const { requests, sent, linkTo } = make()
    const replyId = requests.asked(linkTo(1), 900)!
    requests.reply(replyId, { type: 'sync_done' })
    requests.reply(replyId, { type: 'sync_done' })
    expect(sent).toEqual(['sync 900 sync_done'])
  })

  it('that nobody answers are forgotten', () => {
    const { requests, sent, linkTo } = make()
    const first = requests.asked(linkTo(1), 900)!
    for (let i = 0; i < 64; i++) requests.asked(linkTo(1), i)
    requests.reply(first, { type: 'busy' })
    expect(sent).toEqual([])
  })
})

describe('questions of peers', () => {
  it('have room for owedPerPeerMax of each, whose oldest gives way, and for owedMax in all', () => {
    const limits = { owedPerPeerMax: 2, owedMax: 3, owedCode: 'ERR_DHT_ANSWERS_MAX' }
    const { requests, linkTo, refusals, sent } = make(1, limits)
    const ids = [1, 2, 3].map((number) => requests.asked(linkTo(1), number)!)
    requests.reply(ids[0]!, { type: 'busy' })
    expect(sent).toEqual([])
    expect(requests.asked(linkTo(2), 1)).toBeDefined()
    expect(requests.asked(linkTo(2), 2)).toBeUndefined()
    expect(refusals.counters()).toEqual({ ERR_DHT_ANSWERS_MAX: 2 })
    requests.linkDown(keyOf(1).hex)
    expect(requests.asked(linkTo(2), 2)).toBeDefined()
  })

  it('that are refused give their place back, and get no answer', () => {
    const { requests, linkTo, refusals, sent } = make(1, {
      owedMax: 1,
      owedCode: 'ERR_DHT_ANSWERS_MAX',
    })
    const first = requests.asked(linkTo(1), 1)!
    requests.release(first)
    requests.release(first)
    requests.reply(first, { type: 'busy' })
    const second = requests.asked(linkTo(2), 2)!
    requests.reply(second, { type: 'busy' })
    requests.release(second)
    expect([sent, refusals.counters()]).toEqual([['sync 2 busy'], {}])
  })
})

describe('Rates', () => {
  it('allows so many of one peer within a second, and others as many', async () => {
    const clock = createSimClock()
    const rates = new Rates(clock, 2)
    expect([1, 2, 3].map(() => rates.allow('a'))).toEqual([true, true, false])
    expect(rates.allow('b')).toBe(true)
    await clock.advance(999)
    expect(rates.allow('a')).toBe(false)
    await clock.advance(1)
    expect(rates.allow('a')).toBe(true)
    rates.allow('a')
    rates.forget('a')
    expect(rates.allow('a')).toBe(true)
  })
})

describe('ProbeTimes', () => {
  it('measures from a ping to its ack, smoothed', () => {
    const times = new ProbeTimes()
    expect(times.rttMs('a')).toBeUndefined()
    times.sent('a', 1, 100)
    times.acked('a', 1, 110)
    expect(times.rttMs('a')).toBe(10)
    times.sent('a', 2, 200)
    times.acked('a', 2, 218)
    expect(times.rttMs('a')).toBe(11)
    times.forget('a')
    expect(times.rttMs('a')).toBeUndefined()
  })

  it('takes an ack once, and none of an older or unknown ping', () => {
    const times = new ProbeTimes()
    times.acked('a', 1, 5)
    times.sent('a', 1, 0)
    times.sent('a', 2, 100)
    times.acked('a', 1, 150)
    expect(times.rttMs('a')).toBeUndefined()
    times.acked('a', 2, 110)
    times.acked('a', 2, 900)
    expect(times.rttMs('a')).toBe(10)
  })
})
