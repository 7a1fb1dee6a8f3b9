/** The numbers of a node, as `fovea stats` shows them. */
import { formatAge, type Output } from '../output.ts'

/** Counters of the failure detector since the start of the node. */
export interface DetectorNumbers {
  /** 0 is healthy; each step stretches the probes of this node. */
  readonly localHealth: number
  readonly probes: number
  readonly probesFailed: number
  readonly indirectProbes: number
  readonly streamProbes: number
  readonly suspicions: number
  readonly refutations: number
  readonly deaths: number
  readonly syncs: number
  readonly healings: number
  readonly updatesQueued: number
  readonly datagramsSent: number
  readonly datagramsReceived: number
  /** Exchanges on streams, and those without an answer. */
  readonly requestsSent: number
  readonly requestsFailed: number
  /** Links made only to probe or tell somebody: each is a handshake. */
  readonly dials: number
  readonly dialsFailed: number
  /** What waited for a link that never came. */
  readonly unsent: number
}

/** Connections as they are now. */
export interface LinkNumbers {
  readonly open: number
  /** Kept open on purpose: neighbours, and peers with work under way. */
  readonly held: number
  /** The others: closed when there are too many. */
  readonly idle: number
  readonly handshakes: number
  readonly dials: number
}

/** All numbers of one node; `--json` prints them as they are. */
export interface NodeNumbers {
  readonly node: string
  readonly uptimeMs: number
  /** Known nodes by state, this one not counted. */
  readonly members: Readonly<Record<string, number>>
  readonly detector?: DetectorNumbers
  readonly links: LinkNumbers
  /** Everything refused or dropped, by error code. */
  readonly refused: Readonly<Record<string, number>>
}

/** The lines of `fovea stats`. */
export function formatNumbers(numbers: NodeNumbers, out: Pick<Output, 'tone'>): string {
  const { detector, links } = numbers
  const states = Object.entries(numbers.members).map(([state, n]) => `${amount(n)} ${state}`)
  const refused = Object.entries(numbers.refused).sort(([a], [b]) => (a < b ? -1 : 1))
  const rows: [string, string][] = [
    ['members', states.length === 0 ? 'none' : states.join(', ')],
    ...(detector === undefined ? [] : detectorRows(detector)),
    [
      'links',
      `${amount(links.open)} open: ${amount(links.held)} held, ${amount(links.idle)} idle; ` +
        `${amount(links.handshakes)} handshakes, ${amount(links.dials)} dials`,
    ],
    ...refused.map(([code, n], i): [string, string] => [
      i === 0 ? 'refused' : '',
      `${amount(n)} ${code}`,
    ]),
  ]
  if (refused.length === 0) rows.push(['refused', 'nothing'])
  const title = `${numbers.node}, up ${formatAge(numbers.uptimeMs)}`
  const lines = rows.map(([name, text]) => `${out.tone('faint', name.padEnd(LABEL_WIDTH))} ${text}`)
  return [out.tone('strong', title), ...lines].join('\n')
}

const LABEL_WIDTH = 9

function detectorRows(d: DetectorNumbers): [string, string][] {
  return [
    ['health', d.localHealth === 0 ? '0, healthy' : `${d.localHealth}, slow or badly connected`],
    [
      'probes',
      `${amount(d.probes)} sent, ${amount(d.probesFailed)} failed, ` +
        `${amount(d.indirectProbes)} indirect, ${amount(d.streamProbes)} by stream`,
    ],
    [
      'verdicts',
      `${amount(d.suspicions)} suspicions, ${amount(d.refutations)} refutations, ` +
        `${amount(d.deaths)} deaths`,
    ],
    [
      'repair',
      `${amount(d.syncs)} syncs, ${amount(d.healings)} healings; ` +
        `${amount(d.requestsSent)} requests, ${amount(d.requestsFailed)} failed`,
    ],
    [
      'datagrams',
      `${amount(d.datagramsSent)} sent, ${amount(d.datagramsReceived)} received, ` +
        `${amount(d.updatesQueued)} updates wait`,
    ],
    [
      'on demand',
      `${amount(d.dials)} links made, ${amount(d.dialsFailed)} failed, ${amount(d.unsent)} unsent`,
    ],
  ]
}

function amount(n: number): string {
  return n.toLocaleString('en-US')
}
