/**
 * The process of a driver. The driver of a core works where frames arrive, outside the mailbox; its process owns
 * what must end with it: the alarm, the handlers (they end with `signal`), and the crashes. Whatever is thrown
 * inside the driver ends the process, so that its supervisor begins anew.
 */
import { contract, implement, noreply } from '../behaviours/index.ts'
import type { Contract, Server } from '../behaviours/index.ts'
import type { Clock } from '../runtime/index.ts'
import { ALARM, EarliestAlarm } from './alarm.ts'

/** What drives a core. */
export interface Driver {
  /** When `tick` must be called. */
  readonly nextDueMs: number
  tick(): void
}

/** How a driver and its process are tied. */
export interface Ties {
  /** Aborts when the process ends, however it ends. */
  readonly signal: AbortSignal
  /** Inputs were worked off: `nextDueMs` may be another one. */
  readonly worked: () => void
  /** The driver cannot go on. */
  readonly failed: (error: unknown) => void
}

/** Messages of a driver's process to itself. */
export interface DriverApi {
  call: {}
  cast: {
    /** The driver threw. */
    failed(error: unknown): void
  }
}

interface State {
  readonly driver: Driver
  readonly alarm: EarliestAlarm
}

/** The server of a driver that `start` makes; `name` is that of its contract. */
export function driverServer<Context extends { readonly clock: Clock }>(
  name: string,
  start: (context: Context, ties: Ties) => Driver | Promise<Driver>,
): Server<DriverApi, Context> {
  const of: Contract<DriverApi> = contract(name, { call: {}, cast: { failed: true } })
  return implement<DriverApi, Context, State>(of, {
    init: async (context, { system, signal, self }): Promise<State> => {
      const alarm = new EarliestAlarm(context.clock, system, self.pid)
      let made: Driver | undefined
      const ties: Ties = {
        signal,
        // What is worked off before the driver is handed over is seen right after that.
        worked: () => made !== undefined && alarm.set(made.nextDueMs),
        failed: (error) => void self.cast.failed(error),
      }
      const driver = (made = await start(context, ties))
      alarm.set(driver.nextDueMs)
      return { driver, alarm }
    },
    call: {},
    cast: {
      failed: (_state, error) => {
        throw error
      },
    },
    info: (state, info) => {
      if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
      const { driver, alarm } = state
      alarm.rang()
      driver.tick()
      alarm.set(driver.nextDueMs)
      return noreply(state)
    },
  })
}
