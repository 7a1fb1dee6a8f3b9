/**
 * Real processes on real QUIC under `kill -9`, SIGSTOP and restarts, drawn from a seed: ten minutes in `npm run test:soak`, half
 * a minute in `npm run test:processes chaos`. Every process calls, casts to, monitors and spawns on all others,
 * registers names, joins groups, and is a candidate for leases, singletons and children of strict supervisors. What it
 * did stands in its journal, and all of it must add up. `FOVEA_SOAK_SEED` draws another plan.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Compiled } from '../support/compiled.ts'
import { planFaults } from './fault-plan.ts'
import { checkAsks, checkCalls, checkCasts, checkSpawns } from './ledger.ts'
import { checkHolders } from './ledger-holders.ts'
import { checkLosses } from './ledger-losses.ts'
import { checkStalls, checkStarts } from './ledger-time.ts'
import { CALL_TIMEOUT_MS } from './member-load.ts'
import type { NamesView } from './member-names.ts'
import { JOBS } from './member-strict.ts'
import { ProcessWorld, type View } from './process-world.ts'

const SEED = Number(process.env['FOVEA_SOAK_SEED'] ?? 7)
const SIZE = Number(process.env['FOVEA_SOAK_PROCESSES'] ?? 5)
const TROUBLE_MS = Number(process.env['FOVEA_SOAK_PROCESSES_MS'] ?? 30_000)
const AGREE_MS = 90_000
const HOOK_MS = 120_000
const PROGRAM = 'test/soak/member.ts'
const ASK_CODES =
  /^ERR_(?:GLOBAL_(?:NAME_TAKEN|TIMEOUT|PROCESS|ABORTED|STOPPED|LOST)|LEASE_(?:HELD|NO_MAJORITY|ABORTED))\b/

const compiled = new Compiled([PROGRAM])
let folder = ''
let world: ProcessWorld

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-soak-'))
  world = new ProcessWorld(compiled.file(PROGRAM), folder, SEED)
}, HOOK_MS)

afterAll(async () => {
  await world.end()
  compiled.close()
  // What a failed run wrote down is kept for whoever looks for the cause, if asked for.
  if (process.env['FOVEA_SOAK_KEEP'] === undefined)
    await rm(folder, { recursive: true, force: true })
  else process.stdout.write(`journals are in ${folder}\n`)
}, HOOK_MS)

const namesOf = (view: View): NamesView => view['names'] as NamesView

/** Why the nodes do not yet agree; nothing when they do. */
function differences(views: readonly View[], keys: readonly string[]): string[] {
  const found: string[] = []
  const [first] = views
  for (const [at, view] of views.entries()) {
    const { names, groups, monitored, pending, contested, own } = namesOf(view)
    const differ = (what: string, x: unknown, y: unknown): void => {
      if (JSON.stringify(x) !== JSON.stringify(y)) {
        found.push(`n${at}: ${what} ${JSON.stringify(x)} and not ${JSON.stringify(y)}`)
      }
    }
    differ('names', sorted(names), sorted(namesOf(first!).names))
    differ('groups', groups, namesOf(first!).groups)
    differ('the monitor of groups', monitored, groups)
    differ('names that wait', [pending, contested], [0, 0])
    differ('waits', view['waiting'], 0)
    differ('nodes', view['connected'], keys.filter((_, other) => other !== at).sort())
    const ownNames = Object.keys(names).filter((name) => names[name]!.startsWith(keys[at]!))
    differ('own names', [...own.names].sort(), ownNames.sort())
  }
  for (const what of ['boss', 'supervisor'] as const) {
    const holders = views.filter((view) => (view['strict'] as View)[what] !== undefined)
    if (holders.length !== 1) found.push(`${holders.length} nodes have the ${what}`)
  }
  const known = new Set(keys)
  for (const pid of Object.values(namesOf(first!).names)) {
    if (!known.has(pid.slice(0, pid.indexOf('/')))) found.push(`${pid} is a ghost`)
  }
  return found
}

const sorted = (record: Readonly<Record<string, string>>): string[][] =>
  Object.entries(record).sort(([x], [y]) => (x < y ? -1 : 1))

describe(`${SIZE} processes under kill -9, SIGSTOP and restarts, seed ${SEED}`, () => {
  it(
    'X-04 X-20 G5 G11 NX-D8 PG-07 account for every call, cast, monitor, spawn, name and holder, and agree in the end',
    async () => {
      const plan = planFaults(SEED, SIZE, TROUBLE_MS)
      await world.start(SIZE)
      await world.suffer(plan)
      await world.each('rest')
      await expect
        .poll(async () => differences(await world.each('view'), world.keys), {
          ...{ timeout: AGREE_MS, interval: 500 },
        })
        .toEqual([])
      const views = await world.each('view')
      await world.stop()

      const runs = world.runs()
      const jobs = Array.from({ length: JOBS }, (_, at) => `job ${at}`)
      const findings = [
        checkCalls(runs, CALL_TIMEOUT_MS),
        checkCasts(runs),
        checkSpawns(runs),
        checkAsks(runs, ASK_CODES),
        checkLosses(runs),
        checkStalls(runs),
        checkStarts(runs),
        checkHolders(runs, 'lease', true),
        ...['singleton', 'strict name', ...jobs].map((what) => checkHolders(runs, what)),
      ]
      const counts = Object.assign({}, ...findings.map((finding) => finding.counts)) as object
      const stats = views.map((view) => JSON.stringify(view['stats'])).join('\n')
      process.stdout.write(
        `seed ${SEED}, ${runs.length} starts, ${JSON.stringify(world.done)}, ${world.skipped} skipped, ${JSON.stringify(counts)}\n${stats}\n`,
      )
      expect(findings.flatMap(({ faults }) => faults)).toEqual([])
      expect(world.problems).toEqual([])
      // It was about something.
      for (const what of ['calls answered', 'casts', 'spawns done', 'lease had', 'name had']) {
        expect(counts, what).toHaveProperty([what])
      }
    },
    TROUBLE_MS + 400_000,
  )
})
