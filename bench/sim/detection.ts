/** SWIM, DSN'02: detection time and load against the number of nodes. */
import { crashDetection, firstProbes, mean, quantile, quietLoad } from 'fovea/cores'
import { OURS, PLAIN, seeds } from './settings.ts'
import { round, type Row, type Scenario } from './table.ts'

const RUNS: Readonly<Record<number, number>> = { 100: 60, 1_000: 16, 10_000: 2 }
const KNOWN_BY_ALL_S: Readonly<Record<number, number>> = { 100: 10.2, 1_000: 14.1, 10_000: 18.1 }

const present = (values: readonly (number | undefined)[]): number[] =>
  values.filter((value) => value !== undefined)

function since(ms: number | undefined, startMs: number | undefined): number | undefined {
  return ms === undefined || startMs === undefined ? undefined : ms - startMs
}

/** From the crash of one node until all others know. */
export const detection: Scenario = {
  name: 'crash',
  run: (targets) => {
    const rows: Row[] = []
    for (const [name, settings] of Object.entries({ ours: OURS, plain: PLAIN })) {
      for (const nodes of [100, 1_000, 10_000]) {
        if (name === 'plain' && nodes > 1_000) continue
        const runs = seeds(RUNS[nodes]!).map((seed) => crashDetection({ seed, nodes, settings }))
        const seconds = (pick: (run: (typeof runs)[number]) => number | undefined): number[] =>
          present(runs.map(pick)).map((ms) => ms / 1000)
        const all = seconds((run) => run.allDeadMs)
        // Chance decides most of the differences between runs before the first probe; its mean is known.
        const afterProbe = mean(
          seconds(({ allDeadMs, firstProbeMs }) => since(allDeadMs, firstProbeMs)),
        )
        const expected = afterProbe + settings.probeIntervalMs / 1000
        rows.push({
          settings: name,
          nodes,
          runs: runs.length,
          'first suspect s': round(mean(seconds((run) => run.firstSuspectMs))),
          'first dead s': round(mean(seconds((run) => run.firstDeadMs))),
          'known by all s': round(mean(all)),
          'after first probe s': round(afterProbe),
          'with a mean first probe s': round(expected),
          'p99 s': round(quantile(all, 0.99)),
          'false deaths': runs.reduce((sum, run) => sum + run.falseDeaths, 0),
          'sent per node and s': round(mean(runs.map((run) => run.sentPerSecond))),
        })
        if (name !== 'ours') continue
        const limit = KNOWN_BY_ALL_S[nodes]!
        targets.atMost(`crash known by all at ${nodes} nodes`, expected, limit, 's')
      }
    }
    const line = (name: string, column: string): [number, number][] =>
      rows
        .filter(({ settings }) => settings === name)
        .map((row) => [Number(row['nodes']), Number(row[column])])
    return {
      title: 'A crash is known by all',
      how: 'LAN defaults, round trips of 2 to 10 ms, links dialled on demand. Targets take the mean first probe, one period (see first-probe).',
      rows,
      chart: {
        title: 'From the crash until all know',
        x: 'nodes',
        y: 'seconds',
        logX: true,
        series: [
          { name: 'ours, known by all', points: line('ours', 'with a mean first probe s') },
          { name: 'ours, first suspect', points: line('ours', 'first suspect s') },
          { name: 'plain, known by all', points: line('plain', 'with a mean first probe s') },
        ],
      },
    }
  },
}

/** From the crash until the first probe of the dead node. */
export const probing: Scenario = {
  name: 'first-probe',
  run: (targets) => {
    const rows = [100, 1_000, 10_000].map((nodes): Row => {
      const delays = seeds(nodes === 10_000 ? 1 : 3_000 / nodes + 10).flatMap((seed) =>
        firstProbes({ seed, nodes, crashes: nodes === 100 ? 8 : 40, links: false }),
      )
      targets.atMost(`first probe of a crashed node, mean, ${nodes}`, mean(delays), 1.1, 'periods')
      return {
        nodes,
        crashes: delays.length,
        'mean periods': round(mean(delays)),
        p50: round(quantile(delays, 0.5)),
        p99: round(quantile(delays, 0.99)),
        max: round(Math.max(...delays)),
      }
    })
    const line = (column: string): [number, number][] =>
      rows.map((row) => [Number(row['nodes']), Number(row[column])])
    return {
      title: 'First probe of a crashed node',
      how: 'Periods of continuous time from a crash to the first ping that finds nobody.',
      rows,
      chart: {
        title: 'First probe of a crashed node',
        x: 'nodes',
        y: 'periods',
        logX: true,
        series: [
          { name: 'mean', points: line('mean periods') },
          { name: 'p99', points: line('p99') },
        ],
      },
    }
  },
}

/** Messages of a quiet network. */
export const load: Scenario = {
  name: 'load',
  run: (targets) => {
    const rows = [16, 100, 1_000, 10_000].map((nodes): Row => {
      const periods = nodes === 10_000 ? 10 : 60
      const found = quietLoad({ seed: 1, nodes, periods })
      targets.atMost(`datagrams sent per node and period at ${nodes}`, found.sent, 2.1, '')
      return {
        nodes,
        sent: round(found.sent),
        received: round(found.received),
        'busiest sends': round(found.sentMost),
        bytes: round(found.bytesSent, 0),
        handshakes: round(found.handshakes),
        'stream requests': round(found.requests),
        'false suspicions': found.falseSuspicions,
      }
    })
    const line = (column: string): [number, number][] =>
      rows.map((row) => [Number(row['nodes']), Number(row[column])])
    return {
      title: 'Load of a quiet network',
      how: 'Per node and probe period; at most 64 links dialled per node, handshakes counted apart.',
      rows,
      chart: {
        title: 'Load per node and period',
        x: 'nodes',
        y: 'messages',
        logX: true,
        series: [
          { name: 'datagrams sent', points: line('sent') },
          { name: 'datagrams received', points: line('received') },
          { name: 'busiest node sends', points: line('busiest sends') },
          { name: 'handshakes', points: line('handshakes') },
        ],
      },
    }
  },
}
