/** Lifeguard and Rapid: who is declared dead though alive. */
import { accuracy, swimSettings, unstableLinks, type SwimSettings } from 'fovea/cores'
import { NO_STREAM, OURS, PLAIN } from './settings.ts'
import { round, type Row, type Scenario } from './table.ts'

/** False deaths against loss. */
export const loss: Scenario = {
  name: 'loss',
  run: (targets) => {
    const contenders = { plain: PLAIN, 'no stream': NO_STREAM, ours: OURS }
    const rows: Row[] = []
    for (const lossShare of [0.05, 0.1, 0.2, 0.3]) {
      for (const [name, settings] of Object.entries(contenders)) {
        const forMs = lossShare <= 0.1 && name === 'ours' ? 1_800_000 : 600_000
        const network = { lossShare }
        const found = accuracy({ seed: 1, nodes: 100, forMs, settings, network, links: false })
        rows.push({
          loss: lossShare,
          settings: name,
          minutes: forMs / 60_000,
          'false deaths': found.falseDeaths,
          'false suspicions': found.falseSuspicions,
          'sent per node and s': round(found.sentPerSecond),
        })
        if (name === 'ours') {
          targets.atMost(`false deaths at ${100 * lossShare} % loss`, found.falseDeaths, 0, '')
        }
      }
    }
    return {
      title: 'False deaths against loss, all nodes alive',
      how: 'N = 100; each false death counts at every node that believed it.',
      rows,
      chart: {
        title: 'False deaths per hour against loss (N = 100)',
        x: 'loss in percent',
        y: 'false deaths per hour',
        logY: true,
        series: Object.keys(contenders).map((name) => ({
          name,
          points: rows
            .filter(({ settings }) => settings === name)
            .map((row) => [
              100 * Number(row['loss']),
              (60 * Number(row['false deaths'])) / Number(row['minutes']),
            ]),
        })),
      },
    }
  },
}

const GRID_COUNTS = [1, 4, 8, 16, 32]
const GRID_BLOCKED_MS = [128, 512, 2_048, 8_192, 32_768]

/** Lifeguard's slow members. */
export const slowMembers: Scenario = {
  name: 'slow-members',
  run: (targets) => {
    // The same shortest suspicion for both, as in the paper.
    const same = { suspicionMultiplier: 5 }
    const contenders: Record<string, SwimSettings> = {
      plain: PLAIN,
      ours: swimSettings('lan', same),
    }
    const totals: Record<string, number> = { plain: 0, ours: 0 }
    const rows: Row[] = []
    for (const slow of GRID_COUNTS) {
      for (const blockedMs of GRID_BLOCKED_MS) {
        const row: Record<string, number> = { slow, 'blocked ms': blockedMs }
        for (const [name, settings] of Object.entries(contenders)) {
          const base = { seed: 1, nodes: 128, forMs: 120_000, links: false, settings } as const
          const found = accuracy({ ...base, slow, blockedMs, everyMs: 1 })
          row[`${name} about healthy`] = found.falseDeaths
          row[`${name} at and about healthy`] = found.falseDeathsAtHealthy
          totals[name]! += found.falseDeaths
          if (name === 'ours' && slow <= 8) {
            const target = `false deaths at and about healthy, C=${slow}, D=${blockedMs}`
            targets.atMost(target, found.falseDeathsAtHealthy, 0, '')
          }
        }
        rows.push(row)
      }
    }
    const ratio = totals['plain']! / Math.max(1, totals['ours']!)
    targets.atLeast('false deaths, plain SWIM to ours, whole grid', ratio, 50, 'x')
    const series = (name: string): [number, number][] =>
      GRID_COUNTS.map((slow) => [
        slow,
        rows
          .filter((row) => row['slow'] === slow)
          .reduce((sum, row) => sum + Number(row[`${name} about healthy`]), 0),
      ])
    return {
      title: "Lifeguard's slow members, N = 128, 120 s",
      how: 'C members can neither send nor hear for D ms, again and again, while their timers run.',
      rows,
      chart: {
        title: 'False deaths of healthy members (N = 128, all D)',
        x: 'slow members',
        y: 'false deaths',
        logY: true,
        series: [
          { name: 'plain SWIM', points: series('plain') },
          { name: 'ours', points: series('ours') },
        ],
      },
    }
  },
}

/** Rapid's bad links at one percent of the nodes. */
export const unstable: Scenario = {
  name: 'unstable-links',
  run: (targets) => {
    const cases = [
      { trouble: '80 % loss', lossShare: 0.8, direction: 'both' },
      { trouble: 'hears nothing', lossShare: 1, direction: 'in' },
      { trouble: 'heard by nobody', lossShare: 1, direction: 'out' },
    ] as const
    const rows: Row[] = []
    for (const { trouble, ...how } of cases) {
      for (const [name, settings] of Object.entries({ plain: PLAIN, ours: OURS })) {
        const base = { seed: 1, nodes: 1_000, settings, share: 0.01, forMs: 120_000, links: false }
        const found = unstableLinks({ ...base, links: false, ...how })
        rows.push({
          trouble,
          settings: name,
          'false deaths of good nodes': found.falseDeaths,
          'deaths per view of bad nodes': round(found.flapsPerView),
        })
        if (name === 'ours') {
          targets.atMost(
            `good nodes declared dead, 1 % of nodes: ${trouble}`,
            found.falseDeaths,
            0,
            '',
          )
        }
      }
    }
    const line = (name: string): [number, number][] =>
      rows
        .filter(({ settings }) => settings === name)
        .map((row, i) => [i + 1, Number(row['deaths per view of bad nodes'])])
    return {
      title: "Rapid's unstable links, N = 1,000, 120 s",
      how: 'Ten nodes with bad links; a death per view above 1 means that views go back and forth.',
      rows,
      chart: {
        title: 'Deaths of the ten bad nodes per view in 120 s',
        x: '1: 80 % loss, 2: hears nothing, 3: heard by nobody',
        y: 'deaths per view',
        series: [
          { name: 'plain SWIM', points: line('plain') },
          { name: 'ours', points: line('ours') },
        ],
      },
    }
  },
}
