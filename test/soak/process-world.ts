/** The processes of the soak: started, killed, stopped and restarted by a plan, with everything that they wrote down. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRealm, formatRealm, generateNodeKeys } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'
import type { PlannedFault } from './fault-plan.ts'
import { nowUs, readJournal } from './journal.ts'
import type { Run, Span } from './run.ts'
import type { MemberOptions } from './member.ts'

const TTL_MS = 3_000
const END_MS = 30_000
const WAIT_MS = 120_000
/** Of one process, until its node has started. */
const STARTS_MAX = 5

/** One start of a process. */
interface Life {
  readonly run: string
  readonly child: JsonChild
  readonly journal: string
  readonly startedUs: number
  readonly pauses: { fromUs: number; toUs: number }[]
  fate: Run['fate']
  endedUs: number
}

/** A place for a process: its node, and all of its starts. */
class Place {
  readonly lives: Life[] = []
  id: string | undefined
  port = 0
  /** Within a fault, or not yet ready after one. */
  isBusy = false
  readonly name: string
  readonly key: string

  constructor(name: string, key: string) {
    this.name = name
    this.key = key
  }

  get life(): Life {
    return this.lives.at(-1)!
  }
}

/** What a node says of itself and the others; see the command `view`. */
export type View = Fields

export class ProcessWorld {
  readonly #folder: string
  readonly #seed: number
  readonly #children: Children
  readonly #clock = createRealClock()
  readonly #places: Place[] = []
  readonly #problems: string[] = []
  readonly done: Record<PlannedFault['kind'], number> = { kill: 0, pause: 0, restart: 0 }
  /** Faults of processes that were not ready again, as the machine is slow. */
  skipped = 0

  constructor(program: string, folder: string, seed: number) {
    this.#folder = folder
    this.#seed = seed
    this.#children = new Children(program, WAIT_MS)
  }

  /** Starts so many, each a voter with a key and a database of its own. */
  async start(size: number): Promise<void> {
    const realm = formatRealm(createRealm('com.example.soak', { authority: generateNodeKeys() }))
    await writeFile(join(this.#folder, 'realm.json'), realm, { mode: 0o600 })
    for (let at = 0; at < size; at++) {
      const keys = generateNodeKeys()
      const name = `n${at}`
      await mkdir(join(this.#folder, name), { mode: 0o700 })
      const file = join(this.#folder, name, 'node.key')
      await writeFile(file, keys.privateKeyPem, { mode: 0o600 })
      this.#places.push(new Place(name, keys.nodeKey.hex))
    }
    for (const place of this.#places) await this.#begin(place)
  }

  /** Does what the plan says; resolves when all of it is over and every process runs. */
  async suffer(plan: readonly PlannedFault[]): Promise<void> {
    const startedMs = this.#clock.now()
    const until = (atMs: number): Promise<void> => this.#pause(startedMs + atMs - this.#clock.now())
    await Promise.all(
      plan.map(async (fault) => {
        await until(fault.atMs)
        const place = this.#places[fault.process]!
        if (place.isBusy) {
          this.skipped += 1
          return
        }
        place.isBusy = true
        await this.#inflict(fault, place, until)
        place.isBusy = false
      }),
    )
  }

  /** What a command gives, of all. */
  each(command: string): Promise<View[]> {
    return Promise.all(this.#places.map(({ life }) => life.child.run(command) as Promise<View>))
  }

  get keys(): readonly string[] {
    return this.#places.map(({ key }) => key)
  }

  /** Asks all to stop; each must then end by itself. */
  async stop(): Promise<void> {
    for (const { life } of this.#places) Object.assign(life, { fate: 'rested', endedUs: nowUs() })
    await Promise.all(this.#places.map((place) => this.#leave(place)))
  }

  /** Everything that was written. */
  runs(): Run[] {
    return this.#places.flatMap(({ key, lives }) =>
      lives.map(({ run, journal, startedUs, fate, endedUs, pauses }) => ({
        ...{ run, key, startedUs, fate, endedUs, pauses: pauses as readonly Span[] },
        lines: readJournal(journal),
      })),
    )
  }

  /** What went wrong in the processes themselves. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** Kills what still runs. */
  end(): Promise<void> {
    return this.#children.end()
  }

  /** A node that did not start is started again, as a supervisor of processes does; the ledger judges why it did not. */
  async #begin(place: Place): Promise<void> {
    for (let left = STARTS_MAX; left > 0; left--) {
      if (await this.#tryToBegin(place)) return
    }
    throw new Error(`${place.name} did not start ${STARTS_MAX} times`)
  }

  async #tryToBegin(place: Place): Promise<boolean> {
    const { name } = place
    const run = `${name}.${place.lives.length + 1}`
    const journal = join(this.#folder, `${run}.jsonl`)
    const options: MemberOptions = {
      ...{ nodeName: name, port: place.port, run, journal, ttlMs: TTL_MS },
      seeds: this.#places.flatMap(({ id }) => (id === undefined || id === place.id ? [] : [id])),
      realm: join(this.#folder, 'realm.json'),
      dataDir: join(this.#folder, name),
      voters: this.keys,
      seed: this.#seed * 1_000 + this.#places.indexOf(place) * 100 + place.lives.length,
    }
    const startedUs = nowUs()
    const child = this.#children.launch([JSON.stringify(options)])
    const life: Life = {
      ...{ run, child, journal, startedUs, pauses: [], endedUs: Infinity },
      fate: 'rested',
    }
    place.lives.push(life)
    const begun = await child.event('begun')
    if (begun['isReady'] !== true) {
      Object.assign(life, { fate: 'killed', endedUs: nowUs() })
      await child.ended
      return false
    }
    if (begun['key'] !== place.key) this.#problems.push(`${run} has another key`)
    place.id = String(begun['id'])
    place.port = Number(begun['port'])
    return true
  }

  async #inflict(
    { kind, untilMs }: PlannedFault,
    place: Place,
    until: (atMs: number) => Promise<void>,
  ): Promise<void> {
    const { life } = place
    this.done[kind] += 1
    if (kind === 'pause') {
      const pause = { fromUs: nowUs(), toUs: Infinity }
      life.pauses.push(pause)
      life.child.process.kill('SIGSTOP')
      await until(untilMs)
      // Before it can write anything: this process may get no time after that.
      pause.toUs = nowUs()
      life.child.process.kill('SIGCONT')
      return
    }
    Object.assign(life, { fate: kind === 'kill' ? 'killed' : 'stopped', endedUs: nowUs() })
    if (kind === 'kill') {
      life.child.process.kill('SIGKILL')
      await life.child.ended
    } else await this.#leave(place)
    this.#lookAt(life)
    await until(untilMs)
    await this.#begin(place)
  }

  /** A stop, and an end without help. */
  async #leave({ life }: Place): Promise<void> {
    const { child, run } = life
    await child.run('stop')
    const timer = this.#clock.setTimer(END_MS, () => {
      this.#problems.push(`${run} did not end by itself within ${END_MS} ms of its stop`)
      child.process.kill('SIGKILL')
    })
    await child.ended
    timer.cancel()
    if (child.process.exitCode !== 0)
      this.#problems.push(`${run} ended with ${String(child.process.exitCode)}`)
    this.#lookAt(life)
  }

  #lookAt({ run, child }: Life): void {
    if (child.stderr !== '') this.#problems.push(`${run} said ${child.stderr.slice(0, 2_000)}`)
    for (const { message } of child.said('unhandled')) {
      this.#problems.push(`${run}: unhandled ${String(message)}`)
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer(Math.max(0, delayMs), resolve))
  }
}
