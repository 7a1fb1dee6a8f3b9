import { describe, expect, it } from 'vitest'
import { SwitchboardTable } from '../../../../mesh/transport/worker/switchboard-table.ts'

const table = (): SwitchboardTable<string> => new SwitchboardTable((host) => host === '10.0.0.5')
const at = (host: string, port: number): { host: string; port: number } => ({ host, port })

describe('the switchboard', () => {
  it('gives an address to one thread, and again after it was given back or the thread ended', () => {
    const board = table()
    expect(board.bind('a', at('127.0.0.1', 5))).toEqual(at('127.0.0.1', 5))
    expect(board.bind('b', at('127.0.0.1', 5))).toBeUndefined()
    expect(board.bind('b', at('0.0.0.0', 5))).toBeUndefined()
    expect(board.bind('b', at('127.0.0.2', 5))).toEqual(at('127.0.0.2', 5))
    board.unbind('b', at('127.0.0.1', 5)) // not its own
    expect(board.size).toBe(2)
    board.unbind('a', at('127.0.0.1', 5))
    expect(board.bind('b', at('127.0.0.1', 5))).toEqual(at('127.0.0.1', 5))
    board.drop('b')
    expect(board.size).toBe(0)
  })

  it('has 16,384 free ports and not one more', () => {
    const board = table()
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 16_384; i++) ports.add(board.bind('a', at('127.0.0.1', 0))?.port)
    expect(ports.size).toBe(16_384)
    expect(board.bind('a', at('127.0.0.1', 0))).toBeUndefined()
    board.unbind('a', at('127.0.0.1', 60_000))
    expect(board.bind('a', at('127.0.0.1', 0))).toEqual(at('127.0.0.1', 60_000))
  })

  it('connects nobody who dials from an address of another thread', () => {
    const board = table()
    board.bind('a', at('127.0.0.1', 1))
    board.bind('b', at('127.0.0.1', 2))
    const route = board.route('a', at('127.0.0.1', 1), at('127.0.0.1', 2))
    expect(route).toEqual({ owner: 'b', at: at('127.0.0.1', 2), source: at('127.0.0.1', 1) })
    expect(board.route('b', at('127.0.0.1', 1), at('127.0.0.1', 2))).toBeUndefined()
    expect(board.route('a', at('127.0.0.1', 1), at('127.0.0.1', 3))).toBeUndefined()
  })

  it('knows an endpoint of any address by all addresses of this machine, and by no other', () => {
    const board = table()
    board.bind('a', at('0.0.0.0', 1))
    board.bind('b', at('0.0.0.0', 2))
    // From any: the packet seems to come from where it goes to, as in a system.
    expect(board.route('a', at('0.0.0.0', 1), at('10.0.0.5', 2))).toEqual({
      ...{ owner: 'b', at: at('0.0.0.0', 2), source: at('10.0.0.5', 1) },
    })
    expect(board.route('a', at('0.0.0.0', 1), at('10.0.0.6', 2))).toBeUndefined()
  })
})
