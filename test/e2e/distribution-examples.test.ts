/**
 * The examples of distribution as a person runs them: each starts its processes on loopback QUIC, kills or replaces some, counts
 * what came of it and ends with an error if it is not right. Here it is looked at what they say. Needs `npm run build`.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { Screens } from './screen-process.ts'

/** These are no measures, only ends: an example ends within a minute where nothing else runs. */
const TEST_MS = 120_000

/** Five at a time are run by `node examples/run.mjs --all`; two show the same. */
process.env['FOVEA_UPGRADE_PROCESSES'] = '2'

let screens: Screens | undefined
afterEach(() => screens?.close())

/** Runs it to its end; gives what it showed. */
async function shown(name: string): Promise<string> {
  const program = fileURLToPath(new URL(`../../build/examples/${name}.js`, import.meta.url))
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build first`)
  screens = new Screens(program)
  const screen = screens.start([])
  const { code } = await screen.ended
  const text = screen.lines.join('\n')
  expect(code, text).toBe(0)
  return text
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

test(
  'G12, NX-D8: no job of a pool is lost with the process that did it, and its workers go on elsewhere',
  async () => {
    const text = await shown('09-worker-pool')
    expect(count(text, /^2 workers at /gm)).toBe(3)
    const [, name = ''] = /^kill -9 of (\w+) while/m.exec(text) ?? []
    expect(text).toContain(`lost: ${name}@127.0.0.1:`)
    expect(count(text, /^worker \d goes on at /gm)).toBe(2)
    expect(text).not.toMatch(new RegExp(`goes on at ${name}@`))
    expect(text).toMatch(/^40 jobs are done, \d+ of them were given a second time$/m)
  },
  TEST_MS,
)

test(
  'G11: a counter that is one in the cluster goes on elsewhere, and what comes late is refused by its token',
  async () => {
    const text = await shown('10-singleton')
    const tokens = [...text.matchAll(/the counter runs here, with token (\d+)$/gm)].map(
      (m) => +m[1]!,
    )
    expect(tokens.length).toBeGreaterThanOrEqual(2)
    expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y))
    const [, before] =
      /^the count is \d+, written with token (\d+)\nkill -9 of/m.exec(
        text.replaceAll(/^ .*\n/gm, ''),
      ) ?? []
    expect(text).toContain(`refused: token ${before} is too old, `)
    expect(text).toMatch(/: counted again after \d+ ms, the TTL is 1000 ms$/m)
  },
  TEST_MS,
)

test(
  'every win of a player counts once, although the host of the board is killed and another one comes',
  async () => {
    const text = await shown('11-leaderboard')
    const [, name = ''] = /^kill -9 of (\w+) in the middle/m.exec(text) ?? []
    const places = [...text.matchAll(/^the board is at (\w+)@\S+ and players are at (.*)$/gm)]
    expect(places.map(([, board]) => board === name)).toEqual([true, false, false])
    expect(places.map(([, , players = '']) => players.includes(`${name} (`)).slice(1)).toEqual([
      false,
      false,
    ])
    expect(places[2]?.[2]).toContain('cat (')
    expect(text).toContain('every win of 20 players counts once')
  },
  TEST_MS,
)

test(
  'G12: processes are upgraded one by one, with state, and no call is lost or executed twice',
  async () => {
    const text = await shown('12-rolling-upgrade')
    const names = ['ann', 'bob']
    for (const name of names) {
      expect(text).toMatch(new RegExp(`^${name} is drained: \\w+ went on at ${name}2$`, 'm'))
      expect(text).toMatch(
        new RegExp(`^${name}: version 2, [1-9]\\d* calls, each counted once`, 'm'),
      )
    }
    expect(text).toContain(`\n${names.length} moves, 0 restarts`)
  },
  TEST_MS,
)
