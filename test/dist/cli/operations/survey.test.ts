import { describe, expect, test } from 'vitest'
import { createSimClock } from '../../../../runtime/index.ts'
import { CliError } from '../../../../dist/cli/errors.ts'
import { survey, type Surveyed } from '../../../../dist/cli/operations/survey.ts'

const nodes = (count: number): Surveyed[] =>
  Array.from({ length: count }, (_none, i) => ({ node: `n${i}`, key: `k${i}`, state: 'up' }))

const never = new AbortController().signal

describe('a survey', () => {
  test('asks callsMax nodes at once and everybody in the end, and keeps their order', async () => {
    const clock = createSimClock()
    let running = 0
    let most = 0
    const done = survey(nodes(7), {
      ...{ clock, callsMax: 3, timeoutMs: 1000, signal: never },
      ask: async (node) => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => void clock.setTimer(10, resolve))
        running--
        return [{ node: `neighbour of ${node.node}`, key: 'k' }]
      },
    })
    await clock.advance(30)
    const answers = await done
    expect(most).toBe(3)
    expect(answers.map(({ node, neighbours }) => [node, neighbours?.[0]?.node])).toEqual(
      nodes(7).map(({ node }) => [node, `neighbour of ${node}`]),
    )
  })

  test('keeps who failed with the code, and who was not asked in time', async () => {
    const clock = createSimClock()
    const asked: number[] = []
    const done = survey(nodes(3), {
      ...{ clock, callsMax: 1, timeoutMs: 100, signal: never },
      ask: async (_node, { timeoutMs }) => {
        asked.push(timeoutMs)
        await new Promise<void>((resolve) => void clock.setTimer(60, resolve))
        throw new CliError('ERR_X', 'no')
      },
    })
    await clock.advance(200)
    expect(await done).toEqual([
      { ...nodes(3)[0], neighbours: undefined, error: 'ERR_X' },
      { ...nodes(3)[1], neighbours: undefined, error: 'ERR_X' },
      { ...nodes(3)[2], neighbours: undefined, error: 'not asked in time' },
    ])
    expect(asked).toEqual([100, 40])
  })

  test('ends with the reason of its signal and asks nobody else', async () => {
    const abort = new AbortController()
    const asked: string[] = []
    const done = survey(nodes(3), {
      ...{ clock: createSimClock(), callsMax: 1, timeoutMs: 100, signal: abort.signal },
      ask: async ({ node }) => {
        asked.push(node)
        abort.abort(new Error('gone'))
        return []
      },
    })
    await expect(done).rejects.toThrow('gone')
    expect(asked).toEqual(['n0'])
  })

  test('of nobody is empty', async () => {
    const clock = createSimClock()
    const options = { clock, callsMax: 3, timeoutMs: 1, signal: never, ask: async () => [] }
    expect(await survey([], options)).toEqual([])
  })
})
