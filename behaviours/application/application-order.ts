/**
 * In which order applications start: each after those it needs. Pure. Stopping is the reverse.
 */
import type { AnyApplication } from './application-definition.ts'
import {
  ApplicationCycleError,
  ApplicationNameTakenError,
  ApplicationUnknownError,
} from './application-errors.ts'

/**
 * `app` and all that it needs, in start order. `loaded` finds those that are given by name. Throws
 * {@link ApplicationCycleError}, {@link ApplicationNameTakenError} and {@link ApplicationUnknownError}.
 */
export function startOrder(
  app: AnyApplication,
  loaded: (name: string) => AnyApplication | undefined,
): AnyApplication[] {
  const order: AnyApplication[] = []
  const known = new Map<string, AnyApplication>()
  const path: string[] = []
  const visit = (one: AnyApplication): void => {
    const namesake = known.get(one.name)
    if (namesake !== undefined && namesake !== one) throw new ApplicationNameTakenError(one.name)
    const seen = path.indexOf(one.name)
    if (seen !== -1) throw new ApplicationCycleError([...path.slice(seen), one.name])
    if (namesake !== undefined) return
    known.set(one.name, one)
    path.push(one.name)
    for (const needed of one.applications) {
      const found = typeof needed === 'string' ? named(needed, app, loaded) : needed
      if (found === undefined) throw new ApplicationUnknownError(String(needed), one.name)
      visit(found)
    }
    path.pop()
    order.push(one)
  }
  visit(app)
  return order
}

/** By name, the application that is being started is known too. */
function named(
  name: string,
  app: AnyApplication,
  loaded: (name: string) => AnyApplication | undefined,
): AnyApplication | undefined {
  return name === app.name ? app : loaded(name)
}
