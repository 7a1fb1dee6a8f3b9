/** How news and newcomers get around. */
import { dissemination, joining, mean, quantile } from 'fovea/cores'
import { OURS, PLAIN, seeds } from './settings.ts'
import { round, type Row, type Scenario } from './table.ts'

const RUNS: Readonly<Record<number, number>> = { 100: 40, 1_000: 12, 10_000: 2 }

/** One change of metadata. */
export const spread: Scenario = {
  name: 'dissemination',
  run: (targets) => {
    const rows: Row[] = []
    for (const lossShare of [0, 0.1, 0.3]) {
      for (const nodes of [100, 1_000, 10_000]) {
        const runs = seeds(RUNS[nodes]!).map((seed) =>
          dissemination({ seed, nodes, network: { lossShare }, links: false }),
        )
        const all = runs.flatMap(({ allMs }) => (allMs === undefined ? [] : [allMs / 1000]))
        rows.push({
          loss: lossShare,
          nodes,
          runs: runs.length,
          'half know, s': round(mean(runs.map(({ halfMs }) => (halfMs ?? Number.NaN) / 1000))),
          'all know, s': round(mean(all)),
          'worst s': round(quantile(all, 1)),
          missed: runs.reduce((sum, { missed }) => sum + missed, 0),
        })
        const rounds = Math.ceil(Math.log2(nodes)) * 0.2
        if (lossShare === 0) {
          targets.atMost(`news known by all at ${nodes} nodes, no loss`, mean(all), rounds, 's')
        }
        if (lossShare === 0.3) {
          targets.atMost(`news known by all at ${nodes}, 30 % loss`, mean(all), 1.5 * rounds, 's')
        }
      }
    }
    return {
      title: 'News reach everybody',
      how: 'One node changes its metadata; gossip every 200 ms to three others, and on probes.',
      rows,
      chart: {
        title: 'Seconds until everybody knows',
        x: 'nodes',
        y: 'seconds',
        logX: true,
        series: [0, 0.1, 0.3].map((share) => ({
          name: `${100 * share} % loss`,
          points: rows
            .filter(({ loss }) => loss === share)
            .map((row) => [Number(row['nodes']), Number(row['all know, s'])]),
        })),
      },
    }
  },
}

/** SWIM, DSN'02: 17 members join at 10 % loss. */
export const joiners: Scenario = {
  name: 'joining',
  run: (targets) => {
    const rows: Row[] = []
    for (const [name, settings] of Object.entries({ ours: OURS, plain: PLAIN })) {
      for (const lossShare of [0, 0.1, 0.3]) {
        const runs = seeds(20).map((seed) =>
          joining({
            seed,
            nodes: 17,
            settings,
            network: { lossShare },
            spreadMs: 20_000,
            forMs: 300_000,
          }),
        )
        const stable = Math.min(...runs.map((run) => run.stable))
        rows.push({
          settings: name,
          loss: lossShare,
          runs: runs.length,
          'stable members, worst': stable,
          'false deaths': runs.reduce((sum, run) => sum + run.falseDeaths, 0),
          'all know all after, mean s': round(
            mean(runs.map((run) => (run.stableMs ?? Number.NaN) / 1000)),
          ),
        })
        if (name === 'ours' && lossShare === 0.1) {
          targets.atLeast('stable members of 17 joining at 10 % loss', stable, 17, '')
        }
      }
    }
    const line = (name: string): [number, number][] =>
      rows
        .filter(({ settings }) => settings === name)
        .map((row) => [100 * Number(row['loss']), Number(row['stable members, worst'])])
    return {
      title: '17 members join within 20 s through one seed',
      how: '300 s each; stable are those whom all hold alive at the end. SWIM, DSN 2002: 12 of 17 at 10 %.',
      rows,
      chart: {
        title: 'Stable members of 17',
        x: 'loss in percent',
        y: 'members',
        series: [
          { name: 'ours', points: line('ours') },
          { name: 'plain SWIM', points: line('plain') },
        ],
      },
    }
  },
}
