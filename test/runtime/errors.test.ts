import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  AlreadyStartedError,
  ArgumentError,
  CallAbortedError,
  CallCycleError,
  CallError,
  CallExitError,
  CallTimeoutError,
  FoveaError,
  LimitError,
  MailboxFullError,
  NameError,
  NoProcessError,
  ReceiveTimeoutError,
  runtimeErrors,
  SystemStoppedError,
} from '../../runtime/index.ts'
import { createWorld } from './world.ts'

const pid = createWorld({ node: 'n' }).system.pidFor('n', 7, 0)
const call = { server: pid, request: 'add' }
const cause = new Error('cause')

const samples: readonly [FoveaError, string, string][] = [
  [
    new CallTimeoutError(call, 5),
    'ERR_CALL_TIMEOUT',
    "call 'add' to <n.7.0> had no reply within 5 ms",
  ],
  [new CallExitError(call, 'noproc'), 'ERR_CALL_EXIT', "call 'add' to <n.7.0> failed: 'noproc'"],
  [
    new CallExitError({ server: 'name', request: undefined }, cause),
    'ERR_CALL_EXIT',
    "call to 'name' failed: cause",
  ],
  [
    new CallCycleError(call, [pid, pid]),
    'ERR_CALL_CYCLE',
    "call 'add' to <n.7.0> would wait for itself: <n.7.0> -> <n.7.0> -> <n.7.0>",
  ],
  [new CallAbortedError(call, cause), 'ERR_CALL_ABORTED', "call 'add' to <n.7.0> was aborted"],
  [
    new MailboxFullError(call, 9),
    'ERR_MAILBOX_FULL',
    "call 'add' to <n.7.0> was refused: 9 messages are queued",
  ],
  [new AlreadyStartedError('n', pid), 'ERR_ALREADY_STARTED', "'n' is already started as <n.7.0>"],
  [new NameError('ERR_NAME_TAKEN', 'taken', pid), 'ERR_NAME_TAKEN', 'taken'],
  [new NoProcessError(pid, 'link'), 'ERR_NOPROC', 'link: <n.7.0> is not alive'],
  [
    new LimitError('ERR_LINKS_MAX', 'linksPerProcessMax', 3),
    'ERR_LINKS_MAX',
    'limit reached: linksPerProcessMax is 3',
  ],
  [new ReceiveTimeoutError(4), 'ERR_RECEIVE_TIMEOUT', 'no message matched within 4 ms'],
  [new SystemStoppedError('n'), 'ERR_SYSTEM_STOPPED', 'system n has stopped'],
  [new ArgumentError('to', 'a pid', 5), 'ERR_ARGUMENT', "'to' must be a pid, received 5"],
]

describe('errors of the runtime', () => {
  it.each(samples)('%s', (error, code, message) => {
    expect(error).toBeInstanceOf(FoveaError)
    expect(error).toMatchObject({ code, message })
    expect(error.name).toBe(error.constructor.name)
    expect(Object.keys(runtimeErrors)).toContain(code)
  })

  it('failed calls share a class and keep their cause', () => {
    const exited = new CallExitError(call, cause)
    expect(exited).toBeInstanceOf(CallError)
    expect(exited).toMatchObject({ reason: cause, cause, server: pid, request: 'add' })
    expect('cause' in new CallExitError(call, 'noproc')).toBe(false)
  })

  it('every entry of the catalogue says when, what changed, whether to retry and what to do', () => {
    for (const [code, entry] of Object.entries(runtimeErrors)) {
      expect(code).toMatch(/^ERR_[A-Z_]+$/)
      for (const text of Object.values(entry)) expect(text).toMatch(/^[A-Z].*\.$/)
    }
  })
})

describe('the message of a failed call', () => {
  const ask = { server: 'server', request: 'ask' }

  it('does not grow with the chain of calls that failed before it', () => {
    let reason: unknown = 'crash'
    for (let i = 0; i < 1000; i++) reason = new CallExitError(ask, reason)
    expect((reason as Error).message.length).toBeLessThan(600)
    expect((reason as CallExitError).cause).toBeInstanceOf(CallExitError)
    expect(new CallExitError(ask, 'x'.repeat(10_000)).message.length).toBeLessThan(600)
  })

  it('tells a call that was refused from one that was let go', () => {
    expect(new MailboxFullError(ask, 9).message).toContain('was refused: 9')
    expect(new MailboxFullError(ask, 9, true).message).toContain(
      'was let go for a newer message: 9',
    )
  })

  it('shows a short cycle whole and a long one in part', () => {
    const { system } = createWorld()
    const pids = Array.from({ length: 100 }, (_, i) => system.pidFor('n', i, 0))
    expect(new CallCycleError(ask, pids.slice(0, 2)).message).toBe(
      "call 'ask' to 'server' would wait for itself: <n.0.0> -> <n.1.0> -> <n.0.0>",
    )
    const long = new CallCycleError(ask, pids)
    expect(long.message).toContain('<n.7.0> -> 92 more -> <n.0.0>')
    expect(long.cycle).toHaveLength(100)
  })
})

describe('what Node prints of an error', () => {
  class Failed extends FoveaError {
    override readonly name = 'Failed'
    readonly reason: unknown
    constructor(reason: unknown) {
      super('ERR_FAILED', 'it failed', { cause: reason })
      this.reason = reason
    }
  }
  const times = (text: string, part: RegExp): number => text.match(part)?.length ?? 0

  it('is a reason that is the cause only once, at any depth', () => {
    const text = inspect(new Failed(new Failed(new Failed(new Error('no disk')))), { depth: 10 })
    expect([times(text, /it failed/g), times(text, /no disk/g)]).toEqual([3, 1])
    expect(times(text, /code: 'ERR_FAILED'/g)).toBe(3)
  })

  it('is all that it has otherwise', () => {
    const text = inspect(new CallTimeoutError(call, 5))
    expect(text).toMatch(/^CallTimeoutError: call 'add'[^]*at [^]*code: 'ERR_CALL_TIMEOUT'/)
    expect(text).toMatch(/timeoutMs: 5/)
    const other = Object.assign(new Failed('cause'), { reason: 'another' })
    expect(inspect(other)).toMatch(/reason: 'another'[^]*\[cause\]: 'cause'/)
  })
})
