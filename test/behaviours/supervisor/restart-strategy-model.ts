/**
 * supervisor.erl (OTP 25) on plain lists, as literally as TypeScript allows: `children` is newest first, a
 * start or stop is a line in `log`. It shares no code with the library; it is for the pure decisions alone,
 * supervisor-model.ts for whole trees.
 */
import fc from 'fast-check'
import type { AutoShutdown, RestartType, Strategy } from '../../../behaviours/index.ts'

export interface ModelSpec {
  readonly id: string
  readonly restart: RestartType
  readonly significant: boolean
}

type ModelPid = 'undefined' | 'running' | 'restarting'

interface ModelChild {
  readonly spec: ModelSpec
  readonly pid: ModelPid
}

/** Whether the next start of a child fails; each side consumes its own copy. */
export class StartScript {
  readonly #failures: Map<string, boolean[]>
  constructor(failures: Readonly<Record<string, readonly boolean[]>>) {
    this.#failures = new Map(Object.entries(failures).map(([id, list]) => [id, [...list]]))
  }
  fails(id: string): boolean {
    return this.#failures.get(id)?.shift() ?? false
  }
}

export type Command =
  | { readonly type: 'exit'; readonly at: number; readonly reason: string }
  | { readonly type: 'terminate'; readonly at: number }
  | { readonly type: 'restart'; readonly at: number }
  | { readonly type: 'delete'; readonly at: number }
  | { readonly type: 'start'; readonly restart: RestartType }

export interface Scenario {
  readonly strategy: Exclude<Strategy, 'simple_one_for_one'>
  readonly autoShutdown: AutoShutdown
  readonly intensity: number
  readonly specs: readonly ModelSpec[]
  readonly failures: Readonly<Record<string, readonly boolean[]>>
  readonly commands: readonly Command[]
}

const restartTypes = fc.constantFrom<RestartType>('permanent', 'transient', 'temporary')
const at = fc.nat({ max: 5 })

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('exit' as const),
      at,
      reason: fc.constantFrom('normal', 'shutdown', 'boom'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('terminate' as const), at }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), at }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('start' as const), restart: restartTypes }),
  },
)

/** A supervisor, its first children, which of their later starts fail, and what happens to them. */
export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    strategy: fc.constantFrom<Scenario['strategy']>('one_for_one', 'one_for_all', 'rest_for_one'),
    autoShutdown: fc.constantFrom<AutoShutdown>('never', 'any_significant', 'all_significant'),
    intensity: fc.integer({ min: 0, max: 12 }),
    kinds: fc.array(fc.record({ restart: restartTypes, significant: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    }),
    failures: fc.array(fc.array(fc.boolean(), { maxLength: 4 }), { maxLength: 5 }),
    commands: fc.array(command, { maxLength: 12 }),
  })
  .map(({ kinds, failures, ...rest }) => ({
    ...rest,
    specs: kinds.map(({ restart, significant }, index) => ({
      id: `c${index}`,
      restart,
      significant: significant && restart !== 'permanent' && rest.autoShutdown !== 'never',
    })),
    // The first start of each succeeds.
    failures: Object.fromEntries(failures.map((list, index) => [`c${index}`, [false, ...list]])),
  }))

type Returned = 'ok' | { readonly tryAgain: string }

/** The reference. */
export class ErlangSupervisor {
  readonly log: string[] = []
  down = false
  /** Newest first, as in supervisor.erl. */
  #children: ModelChild[] = []
  #restarts = 0
  #added = 0
  readonly #scenario: Scenario
  readonly #script: StartScript

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#script = new StartScript(scenario.failures)
    for (const spec of scenario.specs) {
      this.#doStart(spec)
      this.#children = [{ spec, pid: 'running' }, ...this.#children]
    }
  }

  /** `id pid` of each child, oldest first. */
  get view(): string[] {
    return this.#children.map(({ spec, pid }) => `${spec.id} ${pid}`).reverse()
  }

  /** The child that `at` means: counted from the oldest. */
  idAt(at: number): string | undefined {
    return [...this.#children].reverse()[at]?.spec.id
  }

  /** The id that the next `start` command gives. */
  nextId(): string {
    return `new${this.#added++}`
  }

  exit(id: string, reason: string): void {
    const child = this.#find(id)
    if (child?.pid !== 'running') return
    const { restart } = child.spec
    if (restart === 'permanent') return this.#restart(child)
    if (reason === 'normal' || reason === 'shutdown') return this.#gone(child)
    if (restart === 'transient') return this.#restart(child)
    this.#gone(child)
  }

  terminate(id: string): boolean {
    const child = this.#find(id)
    if (child === undefined) return false
    this.#doTerminate(child)
    this.#del(child)
    return true
  }

  restartChild(id: string): boolean {
    const child = this.#find(id)
    if (child?.pid !== 'undefined') return false
    if (!this.#doStart(child.spec)) return false
    this.#set(id, 'running')
    return true
  }

  deleteChild(id: string): boolean {
    const child = this.#find(id)
    if (child?.pid !== 'undefined') return false
    this.#children = this.#children.filter(({ spec }) => spec.id !== id)
    return true
  }

  startChild(spec: ModelSpec): boolean {
    if (!this.#doStart(spec)) return false
    this.#children = [{ spec, pid: 'running' }, ...this.#children]
    return true
  }

  #find(id: string): ModelChild | undefined {
    return this.#children.find(({ spec }) => spec.id === id)
  }
  #set(id: string, pid: ModelPid): void {
    this.#children = this.#children.map((child) =>
      child.spec.id === id ? { ...child, pid } : child,
    )
  }
  #doStart(spec: ModelSpec): boolean {
    const fails = this.#script.fails(spec.id)
    this.log.push(`${fails ? 'fail' : 'start'} ${spec.id}`)
    return !fails
  }
  #doTerminate({ spec, pid }: ModelChild): void {
    if (pid === 'running') this.log.push(`stop ${spec.id}`)
  }
  /** del_child/2: temporary ones go, others lose their pid. */
  #del({ spec }: ModelChild): void {
    if (spec.restart !== 'temporary') return this.#set(spec.id, 'undefined')
    this.#children = this.#children.filter((child) => child.spec.id !== spec.id)
  }
  /** del_child and do_auto_shutdown. */
  #gone(child: ModelChild): void {
    this.#del(child)
    if (!child.spec.significant) return
    const { autoShutdown } = this.#scenario
    if (autoShutdown === 'never') return
    const others = this.#children.some(({ spec, pid }) => spec.significant && pid !== 'undefined')
    if (autoShutdown === 'any_significant' || !others) this.#shutDown()
  }
  #shutDown(): void {
    for (const child of this.#children) this.#doTerminate(child)
    this.down = true
  }

  /** restart/2 with try_again_restart run to its end: nothing else is in the mailbox. */
  #restart(child: ModelChild): void {
    this.#restarts++
    if (this.#restarts > this.#scenario.intensity) {
      this.#del(child)
      this.#shutDown()
      return
    }
    const returned = this.#restartBy(child)
    if (returned === 'ok') return
    const again = this.#find(returned.tryAgain)
    if (again?.pid === 'restarting') this.#restart(again)
  }
  #restartBy(child: ModelChild): Returned {
    const { id } = child.spec
    switch (this.#scenario.strategy) {
      case 'one_for_one': {
        const started = this.#doStart(child.spec)
        this.#set(id, started ? 'running' : 'restarting')
        return started ? 'ok' : { tryAgain: id }
      }
      case 'rest_for_one': {
        // split_child: the failed one is the last of ChAfter, with its pid undefined.
        const index = this.#children.findIndex(({ spec }) => spec.id === id)
        const after = this.#children
          .slice(0, index + 1)
          .map((c) => (c.spec.id === id ? { ...c, pid: 'undefined' as const } : c))
        const before = this.#children.slice(index + 1)
        const [returned, restarted] = this.#restartMultiple(after)
        this.#children = [...restarted, ...before]
        return returned
      }
      case 'one_for_all': {
        this.#del(child)
        const [returned, restarted] = this.#restartMultiple(this.#children)
        this.#children = restarted
        return returned
      }
    }
  }
  #restartMultiple(children: ModelChild[]): [Returned, ModelChild[]] {
    const left: ModelChild[] = []
    for (const child of children) {
      this.#doTerminate(child)
      if (child.spec.restart !== 'temporary') left.push({ ...child, pid: 'undefined' })
    }
    for (let i = left.length - 1; i >= 0; i--) {
      const child = left[i] as ModelChild
      if (!this.#doStart(child.spec)) {
        left[i] = { ...child, pid: 'restarting' }
        return [{ tryAgain: child.spec.id }, left]
      }
      left[i] = { ...child, pid: 'running' }
    }
    return ['ok', left]
  }
}
