import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStream } from '../../../mesh/machine/random-stream.ts'
import { openLmdbStore } from '../../../mesh/store/lmdb.ts'
import { Compiled } from '../../support/compiled.ts'
import { counterOf } from './written-value.ts'

const ROUNDS = 4
const WRITER = 'test/mesh/store/writer.ts'

describe('a store whose process is killed', () => {
  let compiled: Compiled
  let dir: string
  beforeAll(() => {
    compiled = new Compiled([WRITER])
    dir = mkdtempSync(join(tmpdir(), 'fovea-store-'))
  })
  afterAll(() => {
    compiled.close()
    rmSync(dir, { recursive: true })
  })

  /** Runs a writer, kills it after so many acknowledgements, and gives all that it said. */
  function killAfter(acknowledgements: number, args: readonly string[]): Promise<string> {
    const child = compiled.run(WRITER, args)
    return new Promise((resolve, reject) => {
      child.process.stdout!.on('data', () => {
        if (child.output.split('\n').length > acknowledgements) child.process.kill('SIGKILL')
      })
      child.process.once('close', (_, signal) => {
        if (signal === 'SIGKILL') resolve(child.output)
        else reject(new Error(`the writer ended by itself: ${child.output.slice(-2_000)}`))
      })
    })
  }

  it('has every acknowledged write, whole, after each of several deaths', async () => {
    const random = new RandomStream(20_261_130, 1)
    /** Counter of the last acknowledged write per key. */
    const acknowledged = new Map<string, number>()
    const gone = new Set<string>()
    let counter = 0
    for (let round = 0; round < ROUNDS; round++) {
      const output = await killAfter(20 + random.below(80), [dir, `${round}`, `${counter}`])
      const lines = output.split('\n').filter((line) => /^(?:\d+|gone) \S+$/.test(line))
      expect(lines.length).toBeGreaterThan(19)
      for (const line of lines) {
        const [first = '', keys = ''] = line.split(' ')
        if (first === 'gone') gone.add(keys)
        else counter = Math.max(counter, Number(first))
        for (const key of first === 'gone' ? [] : keys.split(',')) {
          acknowledged.set(key, Math.max(Number(first), acknowledged.get(key) ?? 0))
        }
      }
      // Writes under way at the end may have happened, too: the next round starts above them.
      counter += 100
      const store = await openLmdbStore(dir)
      const found = new Map(Array.from(store.entries(), ({ key, value }) => [key, value]))
      await store.close()
      const damaged = [...found].filter(([key, value]) => counterOf(key, value) === undefined)
      const lost = [...acknowledged].filter(
        ([key, own]) => (found.has(key) ? counterOf(key, found.get(key)!)! : -1) < own,
      )
      expect({ damaged, lost, back: [...gone].filter((key) => found.has(key)) }).toEqual({
        damaged: [],
        lost: [],
        back: [],
      })
    }
    expect(acknowledged.size).toBeGreaterThan(150)
    expect(gone.size).toBeGreaterThan(10)
  }, 30_000)
})
