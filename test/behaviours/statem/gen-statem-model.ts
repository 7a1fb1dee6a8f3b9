/**
 * A naive interpreter of gen_statem's documented rules, to compare the real machine with. It follows the
 * manual sentence by sentence with plain lists and shares no code with the core: it takes scripts, not
 * results, and keeps its own time.
 */

export type Kind = 'event_timeout' | 'state_timeout' | 'generic_timeout'

export type ScriptAction =
  | { readonly do: 'postpone'; readonly on: boolean }
  | { readonly do: 'next'; readonly label: string }
  | {
      readonly do: 'timeout'
      readonly kind: Kind
      readonly name: string
      readonly when: number | 'cancel' | 'update' | { readonly inMs: number }
      readonly payload: string
    }

/** What a script says that one event does in one state. */
export interface Response {
  readonly op: 'keep' | 'next' | 'repeat'
  readonly target: string
  readonly actions: readonly ScriptAction[]
}

export interface Script {
  readonly responses: readonly Response[]
  readonly enters: readonly Response[]
  readonly init: readonly ScriptAction[]
}

/** Events that a script may handle before it keeps still, so that every run ends. */
const FUEL = 80

/** Chooses responses; the real machine and the model each have one. */
export class Oracle {
  readonly log: string[] = []
  readonly #script: Script
  #fuel = FUEL

  constructor(script: Script) {
    this.#script = script
  }

  event(state: string, label: string): Response {
    this.log.push(`${state}: ${label}`)
    return this.#pick(this.#script.responses, `${state}/${label}`)
  }

  enter(previous: string, state: string): Response {
    this.log.push(`${previous} -> ${state}`)
    return this.#pick(this.#script.enters, `${previous}/${state}`)
  }

  #pick(from: readonly Response[], key: string): Response {
    const still: Response = { op: 'keep', target: '', actions: [] }
    if (this.#fuel-- <= 0 || from.length === 0) return still
    let hash = 7
    for (const char of key) hash = (hash * 31 + char.charCodeAt(0)) % 65_521
    return from[hash % from.length] ?? still
  }
}

interface Timer {
  readonly key: string
  payload: string
  /** Undefined: of time zero. */
  readonly dueMs: number | undefined
}

type Event = { readonly label: string } | { readonly timer: Timer }

export class Model {
  readonly oracle: Oracle
  state = 'a'
  /** "The queue of events that are waiting to be processed", without the mailbox. */
  #events: string[] = []
  #postponed: string[] = []
  #timers: Timer[] = []
  #mailbox: Event[] = []
  #nowMs = 0

  constructor(script: Script) {
    this.oracle = new Oracle(script)
    this.#transition(undefined, { op: 'repeat', target: 'a', actions: script.init })
    this.#run()
  }

  get postponed(): readonly string[] {
    return this.#postponed
  }
  get timers(): readonly string[] {
    return this.#timers.map(({ key, payload }) => `${key} ${payload}`).sort()
  }

  send(labels: readonly string[]): void {
    this.#mailbox.push(...labels.map((label) => ({ label })))
    this.#run()
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const dues = this.#timers.map((timer) => timer.dueMs ?? Infinity)
      const nextMs = Math.min(Infinity, ...dues)
      if (nextMs > untilMs) break
      this.#nowMs = nextMs
      const due = this.#timers.filter((timer) => timer.dueMs === nextMs)
      this.#mailbox.push(...due.map((timer) => ({ timer })))
      this.#run()
    }
    this.#nowMs = untilMs
  }

  #run(): void {
    for (;;) {
      const label = this.#take()
      if (label === undefined) return
      this.#transition(label, this.oracle.event(this.state, label))
    }
  }

  /** "Inserted events are processed before any other", then zero timeouts, then what arrived. */
  #take(): string | undefined {
    const queued = this.#events.shift()
    if (queued !== undefined) return queued
    const zero = this.#timers.find((timer) => timer.dueMs === undefined)
    if (zero !== undefined) return this.#expire(zero)
    for (;;) {
      const event = this.#mailbox.shift()
      if (event === undefined) return undefined
      if ('label' in event) return event.label
      // A timer that was cancelled after it had expired is not delivered.
      if (this.#timers.includes(event.timer)) return this.#expire(event.timer)
    }
  }

  #expire(timer: Timer): string {
    this.#cancel(timer.key)
    return timer.payload
  }

  #transition(label: string | undefined, response: Response): void {
    const previous = this.state
    const state = response.op === 'next' ? response.target : previous
    let actions = [...response.actions]
    let enters = response.op === 'repeat' || state !== previous
    // "The state enter call is made ... before processing any event in this new state."
    while (enters) {
      const entered = this.oracle.enter(previous, state)
      actions = [...actions, ...entered.actions]
      enters = entered.op === 'repeat'
    }
    const postpones = actions.filter((action) => action.do === 'postpone')
    if (postpones.at(-1)?.on === true && label !== undefined) this.#postponed.push(label)
    if (state !== previous) {
      this.#events = [...this.#postponed, ...this.#events]
      this.#postponed = []
      this.#cancel('state_timeout')
    }
    this.#cancel('event_timeout')
    this.state = state
    this.#setTimers(actions)
    const inserted = actions.filter((action) => action.do === 'next').map((action) => action.label)
    this.#events = [...inserted, ...this.#events]
  }

  /** "If there are multiple of the same kind, the last one counts." */
  #setTimers(actions: readonly ScriptAction[]): void {
    const last = new Map<string, Extract<ScriptAction, { do: 'timeout' }>>()
    for (const action of actions) {
      if (action.do !== 'timeout') continue
      const key = action.kind === 'generic_timeout' ? `generic ${action.name}` : action.kind
      last.delete(key) // so that the order is that of the ones that count
      last.set(key, action)
    }
    for (const [key, { when, payload }] of last) {
      const running = this.#timers.find((timer) => timer.key === key)
      if (when === 'update' && running !== undefined) {
        running.payload = payload
        continue
      }
      this.#cancel(key)
      if (when === 'cancel' || when === Infinity) continue
      const delayMs = typeof when === 'object' ? when.inMs : when === 'update' ? 0 : when
      const dueMs = delayMs === 0 ? undefined : this.#nowMs + delayMs
      this.#timers.push({ key, payload, dueMs })
    }
  }

  #cancel(key: string): void {
    this.#timers = this.#timers.filter((timer) => timer.key !== key)
  }
}
