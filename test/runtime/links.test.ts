/** Links as data: the set of one process, whatever form it has at the moment. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  addLocalLink,
  addRemoteLink,
  hasLocalLink,
  hasRemoteLinks,
  linkCount,
  remoteLinks,
  removeLocalLink,
  removeRemoteLink,
} from '../../runtime/links.ts'
import { createWorld, idle } from './world.ts'
import type { Pid, System } from '../../runtime/index.ts'
import type { ProcessCell } from '../../runtime/process.ts'

let system: System
let cell: ProcessCell
let peer: ProcessCell
let other: ProcessCell

beforeEach(() => {
  system = createWorld({ node: 'a' }).system
  const started = (): ProcessCell => system.process(idle(system)) as ProcessCell
  cell = started()
  peer = started()
  other = started()
})

const at = (node: string, id: number): Pid => system.pidFor(node, id, 0)

/** The forms that the links of a process may have: none, a bare pointer, sets. */
const forms: readonly (readonly [string, () => void])[] = [
  ['none', () => {}],
  ['one', () => addLocalLink(cell, other)],
  [
    'several',
    () => {
      addLocalLink(cell, other)
      addLocalLink(cell, system.process(idle(system)) as ProcessCell)
    },
  ],
  [
    'local and remote ones',
    () => {
      addLocalLink(cell, other)
      addRemoteLink(cell, at('z', 1))
    },
  ],
  ['remote ones', () => void addRemoteLink(cell, at('z', 1))],
]

describe.each(forms)('a process with links: %s', (_name, prepare) => {
  beforeEach(prepare)

  it('has a local link once, and loses it once', () => {
    const before = linkCount(cell)
    expect(hasLocalLink(cell, peer)).toBe(false)
    expect(removeLocalLink(cell, peer)).toBe(false)
    addLocalLink(cell, peer)
    addLocalLink(cell, peer)
    expect(hasLocalLink(cell, peer)).toBe(true)
    expect(linkCount(cell)).toBe(before + 1)
    expect(removeLocalLink(cell, peer)).toBe(true)
    expect(removeLocalLink(cell, peer)).toBe(false)
    expect(hasLocalLink(cell, peer)).toBe(false)
    expect(linkCount(cell)).toBe(before)
  })

  it('has a link to another node once, and loses it once', () => {
    const before = linkCount(cell)
    const [first, second] = [at('b', 1), at('b', 2)]
    expect(hasRemoteLinks(cell, 'b')).toBe(false)
    expect(removeRemoteLink(cell, first)).toBe(false)
    expect([first, first, second].map((pid) => addRemoteLink(cell, pid))).toEqual([
      true,
      false,
      true,
    ])
    expect(linkCount(cell)).toBe(before + 2)
    expect(removeRemoteLink(cell, first)).toBe(true)
    expect(removeRemoteLink(cell, first)).toBe(false)
    expect(hasRemoteLinks(cell, 'b')).toBe(true)
    expect(removeRemoteLink(cell, second)).toBe(true)
    expect(hasRemoteLinks(cell, 'b')).toBe(false)
    expect(linkCount(cell)).toBe(before)
  })

  it('lists its links to other nodes, to all or to one', () => {
    const others = remoteLinks(cell)
    expect(remoteLinks(cell, 'b')).toEqual([])
    addRemoteLink(cell, at('b', 1))
    addRemoteLink(cell, at('c', 1))
    expect(remoteLinks(cell)).toEqual([...others, at('b', 1), at('c', 1)])
    expect(remoteLinks(cell, 'b')).toEqual([at('b', 1)])
    expect(remoteLinks(cell, 'd')).toEqual([])
  })
})

it('the only link of a process is found, and a stranger is not taken for it', () => {
  addLocalLink(cell, peer)
  expect(hasLocalLink(cell, peer)).toBe(true)
  expect(removeLocalLink(cell, other)).toBe(false)
  expect(linkCount(cell)).toBe(1)
})
