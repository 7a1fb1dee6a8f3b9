/**
 * Who keeps a link to whom, from what the nodes themselves answer. Pure: the answers go in, nodes in
 * the order of the ring (by key), edges and islands come out, and a drawing for people.
 *
 * A node that did not answer is in it as such, with the edges that others say they have to it. "One
 * island" means: as far as was asked and answered.
 */
import type { Output } from '../output.ts'

/** A node by key, and by what it calls itself. */
export interface NamedNode {
  readonly node: string
  readonly key: string
}

/** What one node said when it was asked for its neighbours. */
export interface SurveyAnswer extends NamedNode {
  readonly state: 'self' | 'up' | 'suspect'
  /** Undefined when it did not answer. */
  readonly neighbours: readonly NamedNode[] | undefined
  /** Why it did not answer. */
  readonly error?: string
}

/** A node of the drawing. */
export interface TopologyNode extends NamedNode {
  /** `unknown`: only named by another node as its neighbour. */
  readonly state: 'self' | 'up' | 'suspect' | 'unknown'
  readonly answered: boolean
  /** Nodes that it keeps as neighbours, or that keep it. */
  readonly degree: number
  /** Number of its island, from 0. */
  readonly island: number
  readonly error?: string
}

/** Two neighbours, by key: `from` said that it keeps `to`; `mutual` when `to` said the same. */
export interface TopologyEdge {
  readonly from: string
  readonly to: string
  readonly mutual: boolean
}

/** The mesh as surveyed by one node. */
export interface TopologyReport {
  readonly nodes: readonly TopologyNode[]
  readonly edges: readonly TopologyEdge[]
  /** Groups of nodes without an edge between them; 1 is a connected mesh. */
  readonly islands: number
  readonly answered: number
  /** Members that are up and were not asked, because of the limit. */
  readonly notAsked: number
}

/** Nodes that a report adds only because another one named them; the rest of them is left out. */
const UNKNOWN_NODES_MAX = 256

/** The report of `answers`; each key counts once. */
export function makeReport(answers: readonly SurveyAnswer[], notAsked: number): TopologyReport {
  const asked = new Map(answers.map((answer) => [answer.key, answer]))
  const names = new Map<string, string>(answers.map(({ key, node }) => [key, node]))
  const kept = new Map<string, Set<string>>()
  for (const { key, neighbours = [] } of answers) {
    const own = new Set<string>()
    for (const neighbour of neighbours) {
      if (neighbour.key === key) continue
      if (!names.has(neighbour.key)) {
        if (names.size >= answers.length + UNKNOWN_NODES_MAX) continue
        names.set(neighbour.key, neighbour.node)
      }
      own.add(neighbour.key)
    }
    kept.set(key, own)
  }
  const keys = [...names.keys()].sort()
  const edges = edgesOf(keys, kept)
  const islands = new Islands(keys)
  const degrees = new Map<string, number>()
  for (const { from, to } of edges) {
    islands.join(from, to)
    for (const key of [from, to]) degrees.set(key, (degrees.get(key) ?? 0) + 1)
  }
  const numbers = islands.numbers()
  const nodes = keys.map((key): TopologyNode => {
    const answer = asked.get(key)
    return {
      node: names.get(key) ?? key,
      key,
      state: answer?.state ?? 'unknown',
      answered: answer?.neighbours !== undefined,
      degree: degrees.get(key) ?? 0,
      island: numbers.get(key) ?? 0,
      ...(answer?.error === undefined ? {} : { error: answer.error }),
    }
  })
  const answered = nodes.filter((node) => node.answered).length
  return { nodes, edges, islands: new Set(numbers.values()).size, answered, notAsked }
}

/** Each pair once, from the smaller key unless only the larger one keeps it. */
function edgesOf(
  keys: readonly string[],
  kept: ReadonlyMap<string, ReadonlySet<string>>,
): TopologyEdge[] {
  return keys.flatMap((from) =>
    [...(kept.get(from) ?? [])].sort().flatMap((to): TopologyEdge[] => {
      const mutual = kept.get(to)?.has(from) === true
      return mutual && to < from ? [] : [{ from, to, mutual }]
    }),
  )
}

/** Union and find over the keys. */
class Islands {
  readonly #parents: Map<string, string>

  constructor(keys: readonly string[]) {
    this.#parents = new Map(keys.map((key) => [key, key]))
  }

  join(a: string, b: string): void {
    const [rootA, rootB] = [this.#root(a), this.#root(b)]
    this.#parents.set(rootA < rootB ? rootB : rootA, rootA < rootB ? rootA : rootB)
  }

  /** The number of the island of each key, in the order of the ring. */
  numbers(): Map<string, number> {
    const numbers = new Map<string, number>()
    const islands = new Map<string, number>()
    for (const key of this.#parents.keys()) {
      const root = this.#root(key)
      if (!islands.has(root)) islands.set(root, islands.size)
      numbers.set(key, islands.get(root) ?? 0)
    }
    return numbers
  }

  #root(key: string): string {
    let at = key
    for (;;) {
      const parent = this.#parents.get(at) ?? at
      if (parent === at) return at
      this.#parents.set(at, this.#parents.get(parent) ?? parent)
      at = parent
    }
  }
}

/** The ring with each node's neighbours, a picture of them if it fits, and the summary below. */
export function drawTopology(report: TopologyReport, out: Pick<Output, 'tone'>): string {
  const { nodes } = report
  const labels = labelsOf(nodes)
  const links = neighbourWords(report, labels)
  const rows = matrixOf(report)
  const idWidth = Math.max(...nodes.map(({ node }) => node.length), 0)
  const lines = nodes.map((node, at) => {
    const rail = nodes.length === 1 ? '─' : at === 0 ? '╭' : at === nodes.length - 1 ? '╰' : '│'
    const mark = out.tone(node.answered ? 'good' : 'bad', node.answered ? '●' : '○')
    const id = node.node.padEnd(idWidth)
    const name = node.state === 'self' ? out.tone('strong', id) : id
    const island = report.islands > 1 ? `  island ${node.island + 1}` : ''
    const why = node.answered ? '' : `  ${out.tone('bad', `(${whyOf(node)})`)}`
    const degree = String(node.degree).padStart(3)
    const words = (links.get(node.key) ?? []).join(' ')
    const key = out.tone('faint', node.key.slice(0, KEY_DIGITS))
    const row = rows[at] === undefined ? '' : `  ${rows[at]}`
    return `${rail}${mark} ${name}  ${key} ${degree}${island}${row}  ${words}${why}`.trimEnd()
  })
  return [...lines, '', summaryOf(report, out)].join('\n')
}

const KEY_DIGITS = 8

/** Nodes of a ring whose picture still fits beside their names. */
const MATRIX_NODES_MAX = 40

/**
 * A row per node with a place for each node of the ring, filled where there is an edge: neighbours on the
 * ring lie along the diagonal, the others are spread, islands are blocks.
 */
function matrixOf({ nodes, edges }: TopologyReport): string[] {
  if (nodes.length < 2 || nodes.length > MATRIX_NODES_MAX) return []
  const places = new Map(nodes.map(({ key }, at) => [key, at]))
  const rows = nodes.map((_node, at) =>
    nodes.map((_other, place): string => (place === at ? '\\' : '·')),
  )
  for (const { from, to } of edges) {
    const [a, b] = [places.get(from) ?? 0, places.get(to) ?? 0]
    rows[a]?.splice(b, 1, '■')
    rows[b]?.splice(a, 1, '■')
  }
  return rows.map((row) => row.join(''))
}

/** The name alone where it says enough, else the whole id, else the key. */
function labelsOf(nodes: readonly TopologyNode[]): Map<string, string> {
  const candidates = (node: TopologyNode): readonly string[] => [
    node.node.split('@')[0] ?? node.node,
    node.node,
  ]
  const counts = new Map<string, number>()
  for (const node of nodes) {
    for (const label of new Set(candidates(node))) counts.set(label, (counts.get(label) ?? 0) + 1)
  }
  return new Map(
    nodes.map((node) => [
      node.key,
      candidates(node).find((label) => counts.get(label) === 1) ?? node.key.slice(0, KEY_DIGITS),
    ]),
  )
}

function neighbourWords(
  { nodes, edges }: TopologyReport,
  labels: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const words = new Map<string, string[]>(nodes.map(({ key }) => [key, []]))
  const silent = new Set(nodes.filter(({ answered }) => !answered).map(({ key }) => key))
  for (const { from, to, mutual } of edges) {
    // Nobody knows what a node that did not answer keeps.
    const plain = mutual || silent.has(to)
    words.get(from)?.push(`${plain ? '' : '>'}${labels.get(to) ?? to}`)
    words.get(to)?.push(`${plain ? '' : '<'}${labels.get(from) ?? from}`)
  }
  for (const list of words.values()) list.sort(byLabel)
  return words
}

function byLabel(a: string, b: string): number {
  const [plainA, plainB] = [a.replace(/^[<>]/, ''), b.replace(/^[<>]/, '')]
  return plainA < plainB ? -1 : plainA > plainB ? 1 : 0
}

function whyOf({ state, error }: TopologyNode): string {
  if (state === 'unknown') return 'no member here, not asked'
  return error === undefined ? 'no answer' : `no answer: ${error}`
}

function summaryOf(report: TopologyReport, out: Pick<Output, 'tone'>): string {
  const { nodes, edges, islands, answered, notAsked } = report
  const degrees = nodes.filter((node) => node.answered).map(({ degree }) => degree)
  const range = `degree ${Math.min(...degrees)} to ${Math.max(...degrees)}`
  const whole = islands <= 1
  const parts = [
    count(nodes.length, 'node'),
    count(edges.length, 'edge'),
    ...(degrees.length === 0 ? [] : [range]),
    ...(answered === nodes.length ? [] : [`${nodes.length - answered} without an answer`]),
    ...(notAsked === 0 ? [] : [`${notAsked} more not asked: raise --nodes-max`]),
  ]
  const verdict = whole ? out.tone('good', 'connected') : out.tone('bad', `${islands} islands`)
  const heard = new Set(nodes.filter((node) => node.answered).map(({ key }) => key))
  const oneSided = edges.some(({ to, mutual }) => !mutual && heard.has(to))
  const legend = oneSided ? '\n>b: this node keeps b, b does not keep it; <b: the other way' : ''
  return `${parts.join(', ')}; ${verdict}, as seen from here${legend}`
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
