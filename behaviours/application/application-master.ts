/**
 * The process of one running application, as OTP's application_master: it runs `start`, is the parent of
 * the tree, and ends with it.
 *
 *     asked to stop, or its parent ended:   prepStop -> the tree -> stop -> its own end
 *     the tree ended by itself:                                     stop -> its own end, same reason
 *
 * A throw in `prepStop` or `stop` is logged and changes nothing: stopping goes on.
 */
import {
  ArgumentError,
  pidEquals,
  runAs,
  type ExitReason,
  type Pid,
  type Process,
} from '../../runtime/index.ts'
import {
  definitionOf,
  type AnyApplication,
  type ApplicationRoot,
  type ApplicationType,
} from './application-definition.ts'
import { contract } from '../server/contract.ts'
import { ChildStartError } from '../supervisor/supervisor-errors.ts'
import { implementAs, type Server } from '../server/gen-server.ts'
import { noreply, stop, type Stop } from '../server/results.ts'
import { processOf, type Ctx } from '../server/server-context.ts'
import { ChildKeeper } from '../supervisor/supervised-keeper.ts'

/** How an application's process is started. */
export interface MasterArg {
  readonly app: AnyApplication
  readonly type: ApplicationType
  readonly env: Readonly<object>
  /** Told the process before `start` runs, and the root when it has. */
  readonly began: (pid: Pid) => void
  readonly started: (root: ApplicationRoot) => void
}

class Master {
  readonly app: AnyApplication
  readonly #process: Process
  readonly #keeper: ChildKeeper
  #root: ApplicationRoot
  #rootPid: Pid | undefined

  constructor(process: Process, app: AnyApplication, root: ApplicationRoot) {
    this.app = app
    this.#process = process
    this.#root = root
    this.#keeper = new ChildKeeper(process, () => false)
    this.#rootPid = this.#keeper.adopt(app.name, root)
  }

  get rootPid(): Pid | undefined {
    return this.#rootPid
  }

  /** True if that was the root: the application is over. */
  ended(pid: Pid): boolean {
    if (this.#rootPid === undefined || !pidEquals(this.#rootPid, pid)) return false
    this.#rootPid = undefined
    return true
  }

  async stop(): Promise<void> {
    const { prepStop, stop: stopped } = definitionOf(this.app)
    if (this.#rootPid !== undefined) {
      await this.#run('prepStop', prepStop)
      const pid = this.#rootPid
      await this.#keeper.stop({
        pid,
        id: this.app.name,
        shutdown: 'infinity',
        restart: 'temporary',
      })
    }
    await this.#run('stop', stopped)
  }

  async #run(
    name: string,
    callback: ((root: ApplicationRoot) => void | Promise<void>) | undefined,
  ): Promise<void> {
    if (callback === undefined || !this.#process.alive) return
    try {
      await runAs(this.#process, () => callback(this.#root))
    } catch (error) {
      this.#process.system.logger.error(
        { application: this.app.name, reason: error },
        `${name} of the application failed`,
      )
    }
  }
}

interface MasterApi {
  call: {}
  cast: {}
}

/** The server behind one application. */
export const masterServer: Server<MasterApi, MasterArg> = implementAs<MasterApi, MasterArg, Master>(
  contract('fovea.application_master/1', { call: {}, cast: {} }),
  {
    init: initialize,
    call: {},
    cast: {},
    info: (master, info) =>
      info.type === 'exit' && master.ended(info.from) ? stop(info.reason, master) : noreply(master),
    terminate: (_reason, master) => master.stop(),
  },
  {
    behaviour: 'application',
    sealed: true,
    view: (master: Master) => ({ name: master.app.name, root: master.rootPid }),
    children: (master: Master) => [
      { id: master.app.name, pid: master.rootPid, type: 'supervisor' as const, restarts: 0 },
    ],
  },
)

async function initialize(
  { app, type, env, began, started }: MasterArg,
  ctx: Ctx<never, MasterApi>,
): Promise<Master | Stop<never>> {
  const process = processOf(ctx)
  const { system, pid: parent } = process
  began(parent)
  const given = { system, parent, name: app.name, type, env, signal: process.signal }
  const root: unknown = await runAs(process, () => definitionOf(app).start(given))
  if (typeof root !== 'object' || root === null) {
    return stop(new ArgumentError('start', 'a function that gives something with a pid', root))
  }
  try {
    const master = new Master(process, app, root as ApplicationRoot)
    started(root as ApplicationRoot)
    return master
  } catch (error) {
    const reason: ExitReason = error instanceof ChildStartError ? error.reason : error
    return stop(reason)
  }
}
