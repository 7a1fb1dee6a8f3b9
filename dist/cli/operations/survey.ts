/**
 * Asks many nodes the same thing: so many at once, all within one deadline. Who does not answer is in
 * the result with the reason; a survey itself does not fail.
 */
import type { Clock } from '../../../runtime/index.ts'
import { reportOf } from '../errors.ts'
import type { NamedNode, SurveyAnswer } from './topology.ts'

/** Whom a survey asks. */
export interface Surveyed extends NamedNode {
  readonly state: 'up' | 'suspect'
}

/** Options of {@link survey}. */
export interface SurveyRunOptions {
  readonly clock: Clock
  /** Questions under way at once. */
  readonly callsMax: number
  /** Time of the whole survey; a node not asked by then did not answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks one node; must settle soon after `timeoutMs` or when `signal` is aborted. */
  readonly ask: (
    node: Surveyed,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<readonly NamedNode[]>
}

/** What each of `nodes` answered, in their order. */
export async function survey(
  nodes: readonly Surveyed[],
  options: SurveyRunOptions,
): Promise<SurveyAnswer[]> {
  const { clock, callsMax, ask, signal } = options
  const deadlineMs = clock.now() + options.timeoutMs
  const answers: SurveyAnswer[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (;;) {
      const at = next++
      const node = nodes[at]
      if (node === undefined || signal.aborted) return
      const timeoutMs = deadlineMs - clock.now()
      answers[at] = timeoutMs <= 0 ? silent(node, 'not asked in time') : await one(node, timeoutMs)
    }
  }
  const one = async (node: Surveyed, timeoutMs: number): Promise<SurveyAnswer> => {
    try {
      return { ...node, neighbours: await ask(node, { timeoutMs, signal }) }
    } catch (error) {
      return silent(node, reportOf(error).code)
    }
  }
  await Promise.all(Array.from({ length: Math.min(callsMax, nodes.length) }, work))
  signal.throwIfAborted()
  return answers
}

function silent(node: Surveyed, error: string): SurveyAnswer {
  return { ...node, neighbours: undefined, error }
}
