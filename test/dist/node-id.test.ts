import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { InvalidNodeIdError } from '../../dist/errors.ts'
import { isNodeId, NodeId } from '../../dist/node-id.ts'

describe('NodeId.parse', () => {
  it.each([
    ['worker1@192.168.1.10:4369', 'worker1', '192.168.1.10', 4369],
    ['a@localhost:1', 'a', 'localhost', 1],
    ['a_b-C9@node-1.example.org:65535', 'a_b-C9', 'node-1.example.org', 65535],
    ['n@[::1]:80', 'n', '::1', 80],
    ['n@[2001:db8::1:2]:4433', 'n', '2001:db8::1:2', 4433],
    ['n@[::ffff:10.0.0.1]:4433', 'n', '::ffff:10.0.0.1', 4433],
  ])('takes %s apart', (text, name, host, port) => {
    const id = NodeId.parse(text)
    expect(id).toBe(text)
    expect(NodeId.components(id)).toEqual({ name, host, port })
    expect([NodeId.getName(id), NodeId.getHost(id), NodeId.getPort(id)]).toEqual([name, host, port])
    expect(NodeId.create(name, host, port)).toBe(text)
    expect(NodeId.isValid(text) && isNodeId(text)).toBe(true)
  })

  it.each([
    ['', '@'],
    ['worker1', '@'],
    ['@h:1', 'name is empty'],
    ['1a@h:1', 'starts with a letter'],
    ['a b@h:1', 'only letters'],
    ['ä@h:1', 'starts with a letter'],
    [`${'a'.repeat(65)}@h:1`, 'longer than 64'],
    ['a@h', 'port'],
    ['a@:1', 'host is empty'],
    ['a@h:', 'port'],
    ['a@h:0', 'port'],
    ['a@h:65536', 'port'],
    ['a@h:01', 'port'],
    ['a@h:1e3', 'port'],
    ['a@h:-1', 'port'],
    ['a@h: 1', 'port'],
    ['a@b@h:1', 'host'],
    ['a@::1:80', 'brackets'],
    ['a@[::1]', 'port'],
    ['a@[::1:80', ']'],
    ['a@[127.0.0.1]:80', 'only an IPv6'],
    ['a@[fe80::1%eth0]:80', 'only an IPv6'],
    ['a@256.1.1.1:80', 'host'],
    ['a@1.2.3:80', 'host'],
    ['a@-h.example:80', 'host'],
    ['a@h..example:80', 'host'],
    [`a@${'h'.repeat(64)}:80`, 'host'],
    [`a@${'h'.repeat(2000)}:80`, 'longer'],
  ])('refuses %j, saying %s', (text, reason) => {
    expect(NodeId.tryParse(text)).toBeUndefined()
    expect(NodeId.isValid(text)).toBe(false)
    expect(() => NodeId.parse(text)).toThrow(InvalidNodeIdError)
    try {
      NodeId.parse(text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_NODE_ID_INVALID', value: text })
      expect((error as InvalidNodeIdError).reason).toContain(reason)
    }
  })

  it.each([undefined, null, 7, {}, ['a@h:1']])('refuses %j, which is no string', (value) => {
    expect(isNodeId(value)).toBe(false)
    expect(NodeId.tryParse(value as string)).toBeUndefined()
  })

  it('takes a name of 64 characters and not one more', () => {
    expect(NodeId.isValid(`${'a'.repeat(64)}@h:1`)).toBe(true)
    expect(NodeId.isValid(`${'a'.repeat(65)}@h:1`)).toBe(false)
  })

  it('never throws from tryParse, and what it accepts parses to itself', () => {
    const id = fc
      .tuple(
        fc.constantFrom('a', 'A-1', 'b_2', 'Z', '', '1', 'ä', 'a@b'),
        fc.constantFrom('@', '@', '@', '', '@@'),
        fc.constantFrom('h', 'h.org', '1.2.3.4', '[::1]', '::1', '[', ']', '-', '%', '1.2'),
        fc.constantFrom(':', ':', ':', '', '::'),
        fc.constantFrom('1', '80', '65535', '65536', '0', '', '8a'),
      )
      .map((parts) => parts.join(''))
    let taken = 0
    fc.assert(
      fc.property(id, (text) => {
        const parsed = NodeId.tryParse(text)
        if (parsed === undefined) return
        taken++
        const { name, host, port } = NodeId.components(parsed)
        expect(NodeId.create(name, host, port)).toBe(text)
      }),
      { numRuns: 2_000 },
    )
    expect(taken).toBeGreaterThan(20)
  })
})

describe('NodeId.create', () => {
  it('takes an IPv6 host with or without brackets', () => {
    expect(NodeId.create('a', '::1', 80)).toBe('a@[::1]:80')
    expect(NodeId.create('a', '[::1]', 80)).toBe('a@[::1]:80')
  })
  it.each([
    ['', 'h', 1],
    ['a', '', 1],
    ['a', 'h:2', 1],
    ['a', 'h', 0],
    ['a', 'h', 1.5],
    ['a', 'h', 65_536],
  ])('refuses (%j, %j, %j)', (name, host, port) => {
    expect(() => NodeId.create(name, host, port)).toThrow(InvalidNodeIdError)
  })
  it('compares by text', () => {
    expect(NodeId.equals(NodeId.parse('a@h:1'), NodeId.create('a', 'h', 1))).toBe(true)
    expect(NodeId.equals(NodeId.parse('a@h:1'), NodeId.parse('a@h:2'))).toBe(false)
  })
})
