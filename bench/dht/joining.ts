/** What a join costs, and how well nodes guess the size of the network. */
import { mean, sequentialJoins, sizeGuesses } from 'fovea/cores'
import { round, type Row, type Scenario } from '../sim/table.ts'

/** What a model with organic joins paid. */
const MODEL: Readonly<Record<number, number>> = { 100: 141, 1_000: 222, 10_000: 296 }

/** Nodes that join a network at rest. */
export const joins: Scenario = {
  name: 'joining',
  run: (targets) => {
    const rows = [100, 1_000, 10_000].map((nodes): Row => {
      const organic = nodes <= 1_000
      const { requests, entriesMean, missing } = organic
        ? sequentialJoins({ seed: 1, nodes })
        : sequentialJoins({ seed: 1, nodes: nodes + 40, filled: nodes })
      const last = requests.slice(-40)
      targets.atMost(`requests of a join at ${nodes} nodes`, mean(last), 300, '')
      targets.atMost(`joins that did not end at ${nodes} nodes`, missing, 0, '')
      return {
        nodes,
        'network came about': organic ? 'by joins' : 'filled',
        'requests of the last 40': round(mean(last), 1),
        'most requests': Math.max(...requests),
        'requests / model': round(mean(last) / MODEL[nodes]!, 2),
        'entries mean': round(entriesMean, 1),
      }
    })
    return {
      title: 'Requests of a join',
      how: 'Nodes join one after the other through a node drawn by lot. A model: 141, 222 and 296 requests.',
      rows,
      chart: {
        title: 'Requests of a join',
        x: 'nodes',
        y: 'requests',
        logX: true,
        series: [
          {
            name: 'ours',
            points: rows.map((row) => [
              Number(row['nodes']),
              Number(row['requests of the last 40']),
            ]),
          },
          {
            name: 'model',
            points: rows.map((row) => [Number(row['nodes']), MODEL[Number(row['nodes'])]!]),
          },
        ],
      },
    }
  },
}

/** Guesses of the size after a few lookups. */
export const guesses: Scenario = {
  name: 'size',
  run: (targets) => {
    const rows: Row[] = []
    for (const nodes of [1_000, 10_000]) {
      for (const lookups of [1, 4, 16, 64]) {
        const found = sizeGuesses({ seed: 1, nodes, lookups, guesses: 200 })
        rows.push({
          nodes,
          lookups,
          'guess / truth, p2.5': round(found.p2, 2),
          p50: round(found.p50, 2),
          'p97.5': round(found.p98, 2),
          'within 14 %': round(100 * found.within14, 1),
          'within 28 %': round(100 * found.within28, 1),
        })
        const at = `after ${lookups} lookups at ${nodes} nodes`
        if (lookups === 16) {
          targets.atLeast(`guesses within 14 % ${at}`, 100 * found.within14, 95, '%')
        }
        if (lookups === 4) {
          targets.atLeast(`guesses within 28 % ${at}`, 100 * found.within28, 95, '%')
        }
      }
    }
    const line = (column: string): [number, number][] =>
      rows
        .filter((row) => row['nodes'] === 10_000)
        .map((row) => [Number(row['lookups']), Number(row[column])])
    return {
      title: 'Guesses of the size of the network',
      how: '200 nodes each do so many lookups for keys drawn by lot. Mainline: 14 % after 16, 28 % after 4.',
      rows,
      chart: {
        title: 'Guess over truth, 10,000 nodes',
        x: 'lookups',
        y: 'guess / truth',
        logX: true,
        series: [
          { name: 'p97.5', points: line('p97.5') },
          { name: 'p50', points: line('p50') },
          { name: 'p2.5', points: line('guess / truth, p2.5') },
        ],
      },
    }
  },
}
