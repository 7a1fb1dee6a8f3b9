import { describe, expect, test } from 'vitest'
import {
  drawTopology,
  makeReport,
  type NamedNode,
  type SurveyAnswer,
} from '../../../../dist/cli/operations/topology.ts'

const plain = { tone: (_tone: unknown, text: string): string => text }

const named = (name: string): NamedNode => ({
  node: `${name}@10.0.0.1:${name.codePointAt(0) ?? 0}`,
  key: name.repeat(64).slice(0, 64),
})

function answer(
  name: string,
  neighbours: string,
  fields: Partial<SurveyAnswer> = {},
): SurveyAnswer {
  return { ...named(name), state: 'up', neighbours: neighbours.split('').map(named), ...fields }
}

const silent = (name: string, error: string): SurveyAnswer => ({
  ...named(name),
  state: 'up',
  neighbours: undefined,
  error,
})

const keyOf = (name: string): string => named(name).key

describe('a report', () => {
  test('has the nodes in the order of the ring, each edge once, and degrees', () => {
    const report = makeReport(
      [answer('c', 'ab', { state: 'self' }), answer('a', 'bc'), answer('b', 'ac')],
      0,
    )
    expect(report.nodes.map(({ node, degree, state }) => [node[0], degree, state])).toEqual([
      ['a', 2, 'up'],
      ['b', 2, 'up'],
      ['c', 2, 'self'],
    ])
    expect(report.edges).toEqual([
      { from: keyOf('a'), to: keyOf('b'), mutual: true },
      { from: keyOf('a'), to: keyOf('c'), mutual: true },
      { from: keyOf('b'), to: keyOf('c'), mutual: true },
    ])
    expect(report).toMatchObject({ islands: 1, answered: 3, notAsked: 0 })
  })

  test('says of an edge that only one of two keeps who does', () => {
    const report = makeReport([answer('a', ''), answer('b', 'a')], 0)
    expect(report.edges).toEqual([{ from: keyOf('b'), to: keyOf('a'), mutual: false }])
    expect(report.nodes.map(({ degree }) => degree)).toEqual([1, 1])
  })

  test('counts islands, numbered along the ring', () => {
    const report = makeReport(
      [answer('a', 'c'), answer('b', 'd'), answer('c', 'a'), answer('d', 'b'), answer('e', '')],
      0,
    )
    expect(report.islands).toBe(3)
    expect(report.nodes.map(({ island }) => island)).toEqual([0, 1, 0, 1, 2])
  })

  test('keeps who did not answer, with the edges that others name', () => {
    const report = makeReport([answer('a', 'b'), silent('b', 'ERR_CALL_TIMEOUT')], 7)
    expect(report.nodes[1]).toMatchObject({
      answered: false,
      error: 'ERR_CALL_TIMEOUT',
      degree: 1,
    })
    expect(report).toMatchObject({ answered: 1, islands: 1, notAsked: 7 })
  })

  test('adds 256 nodes that are only named by others and no more, and no edge to the rest', () => {
    const strangers = Array.from({ length: 257 }, (_none, i) => ({
      node: `s${i}@10.0.0.2:1`,
      key: i.toString(16).padStart(64, '0'),
    }))
    const report = makeReport([{ ...answer('f', ''), neighbours: strangers }], 0)
    expect(report.nodes).toHaveLength(257)
    expect(report.edges).toHaveLength(256)
    expect(report.nodes[0]).toMatchObject({ state: 'unknown', answered: false })
  })

  test('a node that names itself has no edge of it', () => {
    expect(makeReport([answer('a', 'aa')], 0)).toMatchObject({ edges: [], islands: 1 })
  })

  test('of nobody is empty', () => {
    expect(makeReport([], 0)).toMatchObject({ nodes: [], edges: [], islands: 0 })
  })
})

describe('a drawing', () => {
  test('shows the ring, degrees, neighbours by name and a summary', () => {
    const report = makeReport(
      [answer('a', 'bc'), answer('b', 'ac', { state: 'self' }), answer('c', 'ab')],
      0,
    )
    expect(drawTopology(report, plain)).toBe(
      [
        '╭● a@10.0.0.1:97  aaaaaaaa   2  \\■■  b c',
        '│● b@10.0.0.1:98  bbbbbbbb   2  ■\\■  a c',
        '╰● c@10.0.0.1:99  cccccccc   2  ■■\\  a b',
        '',
        '3 nodes, 3 edges, degree 2 to 2; connected, as seen from here',
      ].join('\n'),
    )
  })

  test('shows islands, silence, one-sided edges and what was left out', () => {
    const report = makeReport(
      [answer('a', 'b'), answer('b', ''), answer('c', 'd'), silent('d', 'ERR_CALL_TIMEOUT')],
      3,
    )
    expect(drawTopology(report, plain)).toBe(
      [
        '╭● a@10.0.0.1:97   aaaaaaaa   1  island 1  \\■··  >b',
        '│● b@10.0.0.1:98   bbbbbbbb   1  island 1  ■\\··  <a',
        '│● c@10.0.0.1:99   cccccccc   1  island 2  ··\\■  d',
        '╰○ d@10.0.0.1:100  dddddddd   1  island 2  ··■\\  c  (no answer: ERR_CALL_TIMEOUT)',
        '',
        '4 nodes, 2 edges, degree 1 to 1, 1 without an answer, 3 more not asked: raise --nodes-max; ' +
          '2 islands, as seen from here',
        '>b: this node keeps b, b does not keep it; <b: the other way',
      ].join('\n'),
    )
  })

  test('names neighbours by as much as tells them apart', () => {
    const one = { node: 'a@h:1', key: '1'.repeat(64) }
    const two = { node: 'a@h:2', key: '2'.repeat(64) }
    const three = { node: 'a@h:2', key: '3'.repeat(64) }
    const report = makeReport(
      [
        { ...one, state: 'self', neighbours: [two, three] },
        { ...two, state: 'up', neighbours: [one] },
        { ...three, state: 'up', neighbours: [one] },
      ],
      0,
    )
    const lines = drawTopology(report, plain).split('\n')
    expect(lines[0]).toContain('  2  \\■■  22222222 33333333')
    expect(lines[1]).toContain('  1  ■\\·  a@h:1')
  })

  test('has a picture of 40 nodes and none of more', () => {
    const many = (count: number): string =>
      drawTopology(
        makeReport(
          Array.from({ length: count }, (_none, i) => ({
            ...{ node: `n${i}@h:1`, key: String(i).padStart(64, '0') },
            ...{ state: 'up' as const, neighbours: [] },
          })),
          0,
        ),
        plain,
      )
    expect(many(40)).toContain('·')
    expect(many(41)).not.toContain('·')
  })

  test('of one node alone says so', () => {
    const report = makeReport([answer('a', '', { state: 'self' })], 0)
    expect(drawTopology(report, plain)).toBe(
      '─● a@10.0.0.1:97  aaaaaaaa   0\n\n1 node, 0 edges, degree 0 to 0; connected, as seen from here',
    )
  })
})
