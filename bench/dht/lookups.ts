/** Lookups: at rest, after sudden deaths, and what soft timeouts gain. */
import {
  routingSettings,
  staticLookups,
  suddenDeath,
  type LookupFigures,
  type RoutingSettings,
} from 'fovea/cores'
import { round, type Row, type Scenario } from '../sim/table.ts'

const LOOKUPS = 500
const SIZES = [100, 1_000, 10_000]

/** What a model of Kademlia with organic joins came to, k 20, round trips of 20 to 200 ms. */
const MODEL: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  100: { 'depth mean': 1.35, 'alpha 3': 783, 'alpha 3, beta 3': 372, 'alpha 10': 316 },
  1_000: { 'depth mean': 2.31, 'alpha 3': 863, 'alpha 3, beta 3': 478, 'alpha 10': 407 },
  10_000: { 'depth mean': 3.18, 'alpha 3': 952, 'alpha 3, beta 3': 560, 'alpha 10': 461 },
}

const DIALS = [
  { name: 'alpha 3', spec: { alpha: 3, beta: 0 } },
  { name: 'alpha 3, beta 3', spec: { alpha: 3, beta: 3 } },
  { name: 'alpha 10', spec: { alpha: 10, beta: 0 } },
  { name: 'alpha 10, beta 3', spec: { alpha: 10, beta: 3 } },
] as const

const percent = (part: number, whole: number): number => round((100 * part) / whole, 1)

function rowOf(figures: LookupFigures): Row {
  return {
    'exact %': percent(figures.exact, figures.lookups),
    'recall %': percent(figures.found, figures.wanted),
    'depth mean': round(figures.depthMean, 2),
    'depth max': figures.depthMax,
    'requests mean': round(figures.requestsMean, 1),
    'requests max': figures.requestsMax,
    'p50 ms': figures.p50Ms,
    'p99 ms': figures.p99Ms,
  }
}

/** Filled tables, nothing fails. */
export const atRest: Scenario = {
  name: 'lookups',
  run: (targets) => {
    const rows: Row[] = []
    for (const nodes of SIZES) {
      const specs = DIALS.map(({ spec }) => spec)
      const found = staticLookups({ seed: 1, nodes, lookups: LOOKUPS, specs })
      for (const [place, { name }] of DIALS.entries()) {
        const figures = found[place]!
        const model = MODEL[nodes]![name]
        rows.push({
          lookups: name,
          nodes,
          ...rowOf(figures),
          'p50 / model': model === undefined ? '' : round(figures.p50Ms / model, 2),
        })
        const at = `${name}, ${nodes} nodes`
        targets.atLeast(`exact lookups, ${at}`, percent(figures.exact, LOOKUPS), 100, '%')
        if (name.startsWith('alpha 3')) {
          targets.atMost(`requests, ${at}`, figures.requestsMean, 26, '')
          targets.atMost(`requests max, ${at}`, figures.requestsMax, 32, '')
          const depth = figures.depthMean / Math.log2(nodes)
          targets.atMost(`depth / log2 N, ${at}`, depth, 0.3, '')
        } else if (nodes === 10_000) {
          targets.atMost(`requests, ${at}`, figures.requestsMean, 36, '')
          targets.atMost(`requests max, ${at}`, figures.requestsMax, 48, '')
        }
        if (model !== undefined) targets.atMost(`p50 / model, ${at}`, figures.p50Ms / model, 1, '')
      }
    }
    const line = (name: string, column: string): [number, number][] =>
      rows
        .filter(({ lookups }) => lookups === name)
        .map((row) => [Number(row['nodes']), Number(row[column])])
    return {
      title: 'Lookups at rest',
      how: `${LOOKUPS} lookups per row, k 20, tables filled by lot, round trips of 20 to 200 ms.`,
      rows,
      chart: {
        title: 'Median time of a lookup',
        x: 'nodes',
        y: 'ms',
        logX: true,
        series: [
          ...DIALS.map(({ name }) => ({ name, points: line(name, 'p50 ms') })),
          {
            name: 'model, alpha 3',
            points: SIZES.map((nodes): [number, number] => [nodes, MODEL[nodes]!['alpha 3']!]),
          },
        ],
      },
    }
  },
}

/** A share of all nodes dies at once; answers of k and of 2k contacts. */
export const deaths: Scenario = {
  name: 'deaths',
  run: (targets) => {
    const rows: Row[] = []
    const recall: Readonly<Record<number, number>> = { 0.1: 97, 0.3: 86, 0.5: 74 }
    for (const nodes of [1_000, 10_000]) {
      for (const share of [0.1, 0.3, 0.5]) {
        for (const answerFactor of [1, 2]) {
          const settings = routingSettings({ answerFactor })
          const figures = suddenDeath({ seed: 3, nodes, share, lookups: LOOKUPS, settings })
          rows.push({
            nodes,
            'dead %': 100 * share,
            'contacts per answer': answerFactor * settings.k,
            ...rowOf(figures),
          })
          const at = `${100 * share} % dead, ${nodes} nodes`
          const found = percent(figures.found, figures.wanted)
          if (answerFactor === 1) targets.atLeast(`recall, ${at}`, found, recall[share]!, '%')
          const exact = percent(figures.exact, LOOKUPS)
          if (answerFactor === 2 && nodes === 1_000) {
            targets.atLeast(`exact with 2k answers, ${at}`, exact, share === 0.5 ? 96 : 100, '%')
          }
        }
      }
    }
    const line = (nodes: number, contacts: number): [number, number][] =>
      rows
        .filter((row) => row['nodes'] === nodes && row['contacts per answer'] === contacts)
        .map((row) => [Number(row['dead %']), Number(row['exact %'])])
    return {
      title: 'Lookups right after a part of all nodes died',
      how: 'Nobody has noticed yet. Exact: found all of the k nearest that live.',
      rows,
      chart: {
        title: 'Exact lookups after sudden deaths',
        x: 'dead in percent',
        y: 'percent',
        series: [
          { name: '2k contacts, N = 1,000', points: line(1_000, 40) },
          { name: 'k contacts, N = 1,000', points: line(1_000, 20) },
          { name: '2k contacts, N = 10,000', points: line(10_000, 40) },
          { name: 'k contacts, N = 10,000', points: line(10_000, 20) },
        ],
      },
    }
  },
}

/** With and without soft timeouts, at a hard timeout of a second. */
export const softTimeouts: Scenario = {
  name: 'soft-timeouts',
  run: (targets) => {
    const nodes = 10_000
    const dials: Readonly<Record<string, Partial<RoutingSettings>>> = {
      'hard only': { softTimeoutMs: 60_000, softTimeoutMinMs: 60_000 },
      soft: { softTimeoutMs: 300 },
    }
    const limits: Readonly<Record<string, number>> = { 'soft 30': 3_300, 'soft 50': 5_200 }
    const rows: Row[] = []
    for (const [name, given] of Object.entries(dials)) {
      for (const share of [0.1, 0.3, 0.5]) {
        for (const beta of [0, 3]) {
          const settings = routingSettings({ requestTimeoutMs: 1_000, beta, ...given })
          const figures = suddenDeath({ seed: 3, nodes, share, lookups: LOOKUPS, settings })
          rows.push({ timeouts: name, beta, 'dead %': 100 * share, ...rowOf(figures) })
          const limit = limits[`${name} ${100 * share}`]
          if (limit !== undefined && beta === 0) {
            const at = `${100 * share} % dead, alpha 3, soft timeout`
            targets.atMost(`p50 / model, ${at}`, figures.p50Ms / limit, 1, '')
          }
        }
      }
    }
    const line = (name: string, beta: number): [number, number][] =>
      rows
        .filter((row) => row['timeouts'] === name && row['beta'] === beta)
        .map((row) => [Number(row['dead %']), Number(row['p50 ms'])])
    return {
      title: 'What soft timeouts gain',
      how: '10,000 nodes, alpha 3, a request fails after a second. A model: 4.8 and 9.6 s without, 3.3 and 5.2 s with.',
      rows,
      chart: {
        title: 'Median time of a lookup after sudden deaths',
        x: 'dead in percent',
        y: 'ms',
        series: [
          { name: 'hard only', points: line('hard only', 0) },
          { name: 'soft', points: line('soft', 0) },
          { name: 'hard only, beta 3', points: line('hard only', 3) },
          { name: 'soft, beta 3', points: line('soft', 3) },
        ],
      },
    }
  },
}
