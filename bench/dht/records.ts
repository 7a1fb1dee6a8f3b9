/** Records while nodes come and go. */
import { availability } from 'fovea/cores'
import { round, type Row, type Scenario } from '../sim/table.ts'

/** With holders that replicate, and without. */
export const churn: Scenario = {
  name: 'churn',
  run: (targets) => {
    const base = { seed: 1, nodes: 300, records: 100, getsPerHour: 100 } as const
    const rows: Row[] = []
    for (const replicate of [true, false]) {
      for (const hours of [3, 6, 12, 24]) {
        const found = availability({
          ...base,
          hours,
          recordsSettings: replicate ? {} : { replicate, handoff: false, cachePath: false },
        })
        const share = (100 * found.found) / found.gets
        rows.push({
          holders: replicate ? 'replicate' : 'only keep',
          hours,
          'found %': round(share, 2),
          'living holders': round(found.holdersMean, 1),
          deaths: found.deaths,
          'requests per node and hour': round(found.requestsPerNodeAndHour, 0),
        })
        if (replicate) targets.atLeast(`records found within ${hours} h of churn`, share, 99.9, '%')
      }
    }
    const line = (name: string): [number, number][] =>
      rows
        .filter((row) => row['holders'] === name)
        .map((row) => [Number(row['hours']), Number(row['found %'])])
    return {
      title: 'Records while nodes come and go',
      how: '300 nodes, half of all lives shorter than an hour, new ones come empty and unknown. Publishers repeat nothing.',
      rows,
      chart: {
        title: 'Records found under churn',
        x: 'hours',
        y: 'percent',
        series: [
          { name: 'holders replicate', points: line('replicate') },
          { name: 'holders only keep', points: line('only keep') },
        ],
      },
    }
  },
}
