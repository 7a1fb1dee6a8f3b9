import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStream } from '../../../mesh/machine/random-stream.ts'
import { Compiled } from '../../support/compiled.ts'
import { sizeOf } from '../../support/sizes.ts'

const ROUNDS = sizeOf(3, 200)
const WRITER = 'test/mesh/pubsub/outbox-writer.ts'

describe('an outbox whose process is killed', () => {
  let compiled: Compiled
  let dir: string
  beforeAll(() => {
    compiled = new Compiled([WRITER])
    dir = mkdtempSync(join(tmpdir(), 'fovea-outbox-'))
  }, 30_000)
  afterAll(() => {
    compiled.close()
    rmSync(dir, { recursive: true })
  })

  /** Runs a life, kills it after so many accepted messages, or lets it finish, and gives all that it said. */
  function live(args: readonly string[], keptMax = Infinity): Promise<readonly string[]> {
    const child = compiled.run(WRITER, [dir, ...args])
    return new Promise((resolve, reject) => {
      child.process.stdout!.on('data', () => {
        if (child.output.split('kept ').length > keptMax) child.process.kill('SIGKILL')
      })
      child.process.once('close', (code, signal) => {
        if (signal === 'SIGKILL' || code === 0) resolve(child.output.split('\n').slice(0, -1))
        else reject(new Error(`the publisher ended by itself: ${child.output.slice(-2_000)}`))
      })
    })
  }

  it(
    'PS19 has every accepted message delivered by some life, each life in order, after several deaths',
    async () => {
      const random = new RandomStream(20_261_130, 19)
      const kept: number[] = []
      const delivered = new Set<number>()
      let [waited, early] = [0, 0]
      for (let round = 0; round <= ROUNDS; round++) {
        const isLast = round === ROUNDS
        if (isLast) early = delivered.size
        const start = `${(kept.at(-1) ?? -1) + 10}`
        const args = [`${round}`, start, isLast ? 'rest' : 'publish']
        const lines = await live(args, isLast ? Infinity : random.below(60))
        const numbersOf = (word: string): number[] =>
          lines
            .filter((line) => line.startsWith(`${word} `))
            .map((line) => Number(line.split(' ')[1]))
        const got = numbersOf('got')
        expect(numbersOf('failed')).toEqual([])
        expect(got).toEqual(Array.from(new Set(got)).sort((a, b) => a - b))
        kept.push(...numbersOf('kept'))
        for (const number of got) delivered.add(number)
        waited += kept.filter((number) => !delivered.has(number)).length
        if (isLast) expect(lines.at(-1)).toBe('done')
      }
      expect(kept.length).toBeGreaterThan(15 * ROUNDS)
      // Otherwise nothing was proven.
      expect(waited).toBeGreaterThan(10)
      expect(early).toBeGreaterThan(ROUNDS)
      expect(kept.filter((number) => !delivered.has(number))).toEqual([])
    },
    sizeOf(60_000, 3_600_000),
  )
})
