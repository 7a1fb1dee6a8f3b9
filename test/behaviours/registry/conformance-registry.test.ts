/**
 * Registries as Elixir does them: one test per case of `otp-conformance.md` section 10. The owner of an
 * entry is an argument here, which is the one difference in shape.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pid, System } from '../../../runtime/index.ts'
import {
  GenServer,
  Registry,
  Supervisor,
  type RegistryHandle,
  type RegistryOptions,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, scripted, watcher, world, type World } from '../world.ts'

let w: World
let system: System
let p: Pid
let q: Pid
beforeEach(() => {
  w = world()
  system = w.system
  p = idler(system)
  q = idler(system)
})

const open = <V = unknown>(options: RegistryOptions = {}): Promise<RegistryHandle<unknown, V>> =>
  Registry.start({ system, ...options })

describe('entries', () => {
  it('R-01 a unique key is taken for everybody, its owner included', async () => {
    const registry = await open()
    registry.register('k', p, 1)
    for (const owner of [q, p]) {
      expect(() => registry.register('k', owner)).toThrow(
        expect.objectContaining({ code: 'ERR_REGISTRY_KEY_TAKEN', key: 'k', pid: p }),
      )
    }
    expect(registry.lookup('k')).toEqual([{ pid: p, value: 1 }])
  })

  it('R-02 an unknown key has no entries', async () => {
    const registry = await open()
    expect(registry.lookup('nope')).toEqual([])
    expect(registry.whereis('nope')).toBeUndefined()
  })

  it('R-03 a dead owner is not found, at once, and its key is free', async () => {
    const registry = await open()
    registry.register('k', p)
    system.exit(p, 'kill')
    expect(registry.lookup('k')).toEqual([])
    registry.register('k', q)
    await w.clock.settle()
    expect(registry.whereis('k')).toEqual(q)
    expect(registry.count()).toBe(1)
  })

  it('R-03 duplicate: only the dead owner’s entries go', async () => {
    const registry = await open({ keys: 'duplicate' })
    for (const owner of [p, q, p]) registry.register('k', owner)
    system.exit(p, 'boom')
    expect(registry.lookup('k')).toMatchObject([{ pid: q }])
    await w.clock.settle()
    expect(registry.lookup('k')).toMatchObject([{ pid: q }])
    expect(registry.count()).toBe(1)
  })

  it('R-06 unregister by another process does nothing; by the owner it frees the key', async () => {
    const registry = await open()
    registry.register('k', p)
    expect(registry.unregister('k', q)).toBe(false)
    expect(registry.whereis('k')).toEqual(p)
    expect(registry.unregister('k', p)).toBe(true)
    expect(registry.lookup('k')).toEqual([])
    registry.register('k', q)
  })

  it('R-07 updateValue: for the owner of a unique key only', async () => {
    const registry = await open<number>()
    registry.register('k', p, 1)
    expect(registry.updateValue('k', p, (value) => value + 1)).toEqual({ value: 2, previous: 1 })
    expect(registry.updateValue('k', q, (value) => value + 1)).toBeUndefined()
    expect(registry.lookup('k')).toEqual([{ pid: p, value: 2 }])
    const duplicate = await open<number>({ keys: 'duplicate' })
    expect(() => duplicate.updateValue('k', p, (value) => value)).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_KIND' }),
    )
  })

  it('R-08 dispatch: all entries of a key, and not at all without one', async () => {
    const registry = await open<number>({ keys: 'duplicate' })
    registry.register('k', p, 1)
    registry.register('k', p, 2)
    registry.register('k', q, 3)
    const seen: unknown[] = []
    registry.dispatch('k', (entries) => seen.push(entries))
    registry.dispatch('none', (entries) => seen.push(entries))
    expect(seen).toEqual([
      [
        { pid: p, value: 1 },
        { pid: p, value: 2 },
        { pid: q, value: 3 },
      ],
    ])
  })

  it('R-09 keys and values of a process', async () => {
    const registry = await open<number>({ keys: 'duplicate' })
    registry.register('a', p, 1)
    registry.register('b', p, 2)
    registry.register('b', p, 3)
    registry.register('a', q, 4)
    expect(registry.keys(p)).toEqual(['a', 'b', 'b'])
    expect(registry.values('a', p)).toEqual([1])
    expect(registry.values('b', p)).toEqual([2, 3])
    expect(registry.values('b', q)).toEqual([])
  })

  it('R-11 select by a predicate', async () => {
    const registry = await open<number>()
    registry.register('a', p, 1)
    registry.register('b', q, 2)
    expect(registry.select(({ value }) => value > 1)).toEqual([{ key: 'b', pid: q, value: 2 }])
  })

  it('R-12 meta values', async () => {
    const registry = await open()
    registry.putMeta('k', 1)
    expect(registry.meta('k')).toBe(1)
    expect(registry.meta('other')).toBeUndefined()
    registry.deleteMeta('k')
    expect(registry.meta('k')).toBeUndefined()
  })

  it('R-17 keys are compared strictly', async () => {
    const registry = await open()
    registry.register(1, p)
    registry.register('1', q)
    expect(registry.whereis(1)).toEqual(p)
    expect(registry.whereis('1')).toEqual(q)
  })

  it('refuses a dead owner, and one of another system', async () => {
    const registry = await open()
    const stranger = idler(world('other').system)
    system.exit(p, 'kill')
    for (const owner of [p, stranger]) {
      expect(() => registry.register('k', owner)).toThrow(
        expect.objectContaining({ code: 'ERR_REGISTRY_OWNER' }),
      )
    }
    expect(registry.count()).toBe(0)
  })

  it('holds entriesMax entries and refuses one more', async () => {
    const registry = await open({ entriesMax: 2, keys: 'duplicate' })
    registry.register('k', p)
    registry.register('k', q)
    expect(() => registry.register('k', q)).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_FULL', entriesMax: 2 }),
    )
    registry.unregister('k', p)
    registry.register('k', q)
  })
})

describe('bookkeeping', () => {
  it('a dead owner’s entry makes room at once, also at the limit', async () => {
    const registry = await open({ entriesMax: 1 })
    registry.register('k', p)
    system.exit(p, 'kill')
    registry.register('k', q)
    await w.clock.settle()
    expect(registry.whereis('k')).toEqual(q)
    expect(() => registry.register('other', q)).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_FULL' }),
    )
    registry.unregister('k', q)
    registry.register('other', q)
  })

  it('a parent that was an owner for a while keeps its link to the registry', async () => {
    const parent = idler(system)
    const registry = await open({ parent, link: true })
    registry.register('k', parent)
    registry.unregister('k', parent)
    const seen = ending(system, parent)
    system.exit(registry.pid, 'kill')
    expect(seen.reason).toBe('killed')
  })

  it('the end of one owner among many touches only its own entries', async () => {
    const registry = await open<number>({ keys: 'duplicate' })
    const owners = Array.from({ length: 50 }, () => idler(system))
    for (const [index, owner] of owners.entries()) {
      registry.register('topic', owner, index)
      registry.register(`own ${index}`, owner, index)
    }
    system.exit(owners[7]!, 'kill')
    await w.clock.settle()
    const left = registry.lookup('topic').map(({ value }) => value)
    expect(left).toEqual(owners.map((_owner, index) => index).filter((index) => index !== 7))
    expect(registry.count()).toBe(98)
  })
})

describe('via', () => {
  it('R-05 an unknown key: call rejects noproc, cast is false, nobody is there', async () => {
    const registry = await open()
    const via = registry.via('nope')
    await expect(GenServer.call({ via }, 'x', { system })).rejects.toMatchObject({
      reason: 'noproc',
    })
    expect(GenServer.cast({ via }, 'x', { system })).toBe(false)
    expect(via.whereisName()).toBeUndefined()
  })

  it('a server is started, found, refused and freed under a via name', async () => {
    const registry = await open<string>()
    const server = scripted()
    const ref = await server.start(undefined, { system, name: registry.via('k', 'v') })
    expect(registry.lookup('k')).toEqual([{ pid: ref.pid, value: 'v' }])
    expect(await system.call({ via: registry.via('k', '') }, 'ping', undefined)).toBe('pong')
    await expect(
      server.start(undefined, { system, name: registry.via('k', 'w') }),
    ).rejects.toMatchObject({ code: 'ERR_ALREADY_STARTED', pid: ref.pid })
    await GenServer.stop(ref)
    expect(registry.whereis('k')).toBeUndefined()
    await server.start(undefined, { system, name: registry.via('k', 'w') })
    expect(registry.lookup('k')).toMatchObject([{ value: 'w' }])
  })

  it('R-05 G-36 a via name of a stopped registry is a name that nobody has', async () => {
    const registry = await Registry.start<string>({ system })
    const via = registry.via('k')
    await registry.stop()
    expect(GenServer.cast({ via }, 'x', { system })).toBe(false)
    expect(GenServer.isRunning({ via })).toBe(false)
    await expect(GenServer.call({ via }, 'x', { system })).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'noproc',
    })
    const before = system.stats().processes
    await expect(scripted().start(undefined, { system, name: via })).rejects.toMatchObject({
      code: 'ERR_REGISTRY_STOPPED',
    })
    expect(system.stats().processes).toBe(before)
  })

  it('a via name can be made before its registry runs, as in the specifications of one tree', async () => {
    const names = Registry.named<string>('names', { system })
    const child = scripted().child(undefined, { id: 'k', options: { name: names.via('k') } })
    const tree = { system, children: [Registry.child({ name: 'names' }), child] }
    const top = await Supervisor.start(tree)
    expect(await system.call({ via: names.via('k') }, 'ping', undefined)).toBe('pong')
    await Supervisor.stop(top)
    const early = names.via('k')
    await Registry.start({ system, name: 'names', keys: 'duplicate' })
    await expect(scripted().start(undefined, { system, name: early })).rejects.toMatchObject({
      code: 'ERR_REGISTRY_KIND',
    })
  })

  it('R-15 via needs unique keys', async () => {
    const registry = await open({ keys: 'duplicate' })
    expect(() => registry.via('k')).toThrow(expect.objectContaining({ code: 'ERR_REGISTRY_KIND' }))
    expect(() => registry.whereis('k')).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_KIND' }),
    )
  })
})

describe('process', () => {
  it('R-13 listeners hear of register and unregister, not of an owner’s end', async () => {
    const listener = watcher(system)
    system.register('ears', listener.pid)
    const registry = await open({ name: 'r', listeners: ['ears', 'nobody'] })
    registry.register('k', p, 1)
    registry.unregister('k', p)
    registry.register('k', q, 2)
    system.exit(q, 'kill')
    await w.clock.settle()
    expect(listener.got).toEqual([
      { type: 'register', registry: 'r', key: 'k', pid: p, value: 1 },
      { type: 'unregister', registry: 'r', key: 'k', pid: p },
      { type: 'register', registry: 'r', key: 'k', pid: q, value: 2 },
    ])
  })

  it('R-14 an owner is linked to the registry until its last key is gone', async () => {
    const registry = await open()
    const calm = idler(system)
    registry.register('a', p)
    registry.register('b', p)
    registry.register('c', calm)
    registry.unregister('c', calm)
    registry.unregister('a', p)
    const seen = ending(system, p)
    system.exit(registry.pid, 'kill')
    expect(seen.reason).toBe('killed')
    expect(system.isAlive(calm)).toBe(true)
  })

  it('a stopped registry refuses, a restarted one is found by name', async () => {
    const sup = await Supervisor.start({ system, children: [Registry.child({ name: 'r' })] })
    const registry = Registry.named('r', { system })
    const trapping = watcher(system).pid
    registry.register('k', trapping)
    system.exit(registry.pid, 'kill')
    expect(() => registry.lookup('k')).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_STOPPED' }),
    )
    await w.clock.settle()
    expect(registry.lookup('k')).toEqual([])
    registry.register('k', trapping)
    expect(registry.count()).toBe(1)
    await Supervisor.stop(sup)
    expect(() => registry.count()).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_STOPPED' }),
    )
  })

  it('a registry of another contract’s name is none', async () => {
    await scripted().start(undefined, { system, name: 'server' })
    expect(() => Registry.named('server', { system }).count()).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_STOPPED' }),
    )
  })
})

describe('locks', () => {
  const deferred = (): { readonly open: () => void; readonly wait: Promise<void> } => {
    let open: () => void = () => {}
    const wait = new Promise<void>((resolve) => {
      open = resolve
    })
    return { open, wait }
  }

  it('R-18 the same key waits, another does not; the order is that of arrival', async () => {
    const registry = await open()
    const slow = deferred()
    const order: string[] = []
    const first = registry.lock('k', p, async () => {
      await slow.wait
      order.push('first')
      return 1
    })
    const second = registry.lock('k', q, () => order.push('second'))
    const third = registry.lock('k', p, () => order.push('third'))
    await registry.lock('other', q, () => order.push('other'))
    expect(order).toEqual(['other'])
    slow.open()
    expect(await first).toBe(1)
    await second
    await third
    expect(order).toEqual(['other', 'first', 'second', 'third'])
  })

  it('R-18 the lock is free again when fn throws', async () => {
    const registry = await open()
    const failed = registry.lock('k', p, () => {
      throw new Error('e')
    })
    await expect(failed).rejects.toThrow('e')
    expect(await registry.lock('k', q, () => 'got')).toBe('got')
  })

  it('R-18 the lock is free again when its holder dies', async () => {
    const registry = await open()
    void registry.lock('k', p, () => new Promise(() => {}))
    const next = outcome(registry.lock('k', q, () => 'got'))
    await w.clock.settle()
    expect(next.settled).toBe(false)
    system.exit(p, 'kill')
    await w.clock.settle()
    expect(next.value).toBe('got')
  })

  it('R-18 the death of one that waits is harmless', async () => {
    const registry = await open()
    const slow = deferred()
    const ran: string[] = []
    const held = registry.lock('k', p, () => slow.wait)
    const dead = idler(system)
    const gone = outcome(registry.lock('k', dead, () => ran.push('dead')))
    const last = outcome(registry.lock('k', q, () => ran.push('last')))
    await w.clock.settle()
    system.exit(dead, 'kill')
    slow.open()
    await held
    await w.clock.settle()
    expect(gone.error).toMatchObject({ code: 'ERR_NOPROC' })
    expect(last.settled).toBe(true)
    expect(ran).toEqual(['last'])
  })

  it('R-18 an abort ends the waiting, and the lock goes on to the next', async () => {
    const registry = await open()
    const slow = deferred()
    const abort = new AbortController()
    const ran: string[] = []
    const held = registry.lock('k', p, () => slow.wait)
    const given = outcome(
      registry.lock('k', q, () => ran.push('given up'), { signal: abort.signal }),
    )
    const last = registry.lock('k', q, () => ran.push('last'))
    await w.clock.settle()
    abort.abort()
    slow.open()
    await held
    await last
    expect(given.error).toMatchObject({ code: 'ERR_REGISTRY_LOCK_ABORTED', key: 'k' })
    expect(ran).toEqual(['last'])
    await expect(
      registry.lock('k', q, () => ran.push('x'), { signal: abort.signal }),
    ).rejects.toMatchObject({ code: 'ERR_REGISTRY_LOCK_ABORTED' })
  })
})
