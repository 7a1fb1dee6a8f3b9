/** Colluders among all nodes (S/Kademlia), and Sybils around one key. */
import { colluders, eclipse, honestPathShare, routingSettings } from 'fovea/cores'
import { round, type Row, type Scenario } from '../sim/table.ts'

/** A share of all nodes names only each other. */
export const collusion: Scenario = {
  name: 'colluders',
  run: (targets) => {
    const lookups = 500
    const settings = routingSettings({ k: 16 })
    const wanted: Readonly<Record<string, number>> = {
      '0.2 1': 71,
      '0.2 8': 99,
      '0.5 1': 31,
      '0.5 8': 94,
    }
    const rows: Row[] = []
    for (const share of [0.1, 0.2, 0.3, 0.5]) {
      for (const paths of [1, 2, 4, 8]) {
        const found = colluders({ seed: 1, nodes: 10_000, share, paths, lookups, settings })
        const reached = (100 * found.reached) / lookups
        const bound = 100 * honestPathShare(share, found.depthMean, paths)
        rows.push({
          'colluders %': 100 * share,
          paths,
          'reached %': round(reached, 1),
          'bound %': round(bound, 1),
          'requests mean': round(found.requestsMean, 1),
        })
        const limit = wanted[`${share} ${paths}`]
        if (limit === undefined) continue
        const text = `nearest honest node reached, ${100 * share} % collude, d ${paths}`
        targets.atLeast(text, reached, limit, '%')
      }
    }
    return {
      title: 'Nearest honest node reached among colluders',
      how: '10,000 nodes, k 16; who colludes knows all others and names the nearest that was not asked. Bound: 1-(1-(1-a)^h)^d.',
      rows,
      chart: {
        title: 'Nearest honest node reached',
        x: 'disjoint paths',
        y: 'percent',
        series: [0.1, 0.2, 0.3, 0.5].map((share) => ({
          name: `${100 * share} % collude`,
          points: rows
            .filter((row) => row['colluders %'] === 100 * share)
            .map((row): [number, number] => [Number(row['paths']), Number(row['reached %'])]),
        })),
      },
    }
  },
}

/** Sybils nearest to a key withhold what is put there. */
export const sybils: Scenario = {
  name: 'eclipse',
  run: (targets) => {
    const rows: Row[] = []
    for (const putRadius of [true, false]) {
      for (const count of [0, 10, 20, 45, 80]) {
        const found = eclipse({ seed: 5, nodes: 1_000, sybils: count, keys: 40, putRadius })
        const share = (100 * found.found) / found.gets
        rows.push({
          'put to': putRadius ? 'the radius' : 'the k nearest',
          sybils: count,
          'found %': round(share, 1),
          'honest holders': round(found.holdersMean, 1),
          'requests of a put': round(found.requestsMean, 1),
        })
        if (putRadius && count > 0 && count <= 45) {
          targets.atLeast(`gets that find a record among ${count} Sybils`, share, 99, '%')
        }
      }
    }
    const line = (name: string): [number, number][] =>
      rows
        .filter((row) => row['put to'] === name)
        .map((row) => [Number(row['sybils']), Number(row['found %'])])
    return {
      title: 'Sybils nearest to a key',
      how: '1,000 honest nodes, 40 keys, five gets of each. Sybils acknowledge, throw away and name each other.',
      rows,
      chart: {
        title: 'Records found among Sybils',
        x: 'Sybils',
        y: 'percent',
        series: [
          { name: 'put to the radius', points: line('the radius') },
          { name: 'put to the k nearest', points: line('the k nearest') },
        ],
      },
    }
  },
}
