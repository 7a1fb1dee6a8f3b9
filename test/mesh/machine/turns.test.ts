import { describe, expect, it } from 'vitest'
import { Turns } from '../../../mesh/machine/turns.ts'

function make(work: (input: string, turns: Turns<string>) => void) {
  const said: string[] = []
  const turns: Turns<string> = new Turns<string>({
    work: (input) => {
      said.push(`<${input}`)
      work(input, turns)
      said.push(`${input}>`)
    },
    worked: () => void said.push('worked'),
    failed: (error) => void said.push(`failed ${String(error)}`),
  })
  return { turns, said }
}

describe('Turns', () => {
  it('works off what comes while it works afterwards, in order, and tells once', () => {
    const { turns, said } = make((input, self) => {
      if (input !== 'a') return
      self.take('b')
      self.take('c')
    })
    turns.take('a')
    turns.take('d')
    const [first, second] = [
      ['<a', 'a>', '<b', 'b>', '<c', 'c>', 'worked'],
      ['<d', 'd>', 'worked'],
    ]
    expect(said).toEqual([...first, ...second])
  })

  it('takes nothing any more after something was thrown, and throws nothing itself', () => {
    const { turns, said } = make((input, self) => {
      if (input !== 'a') return
      self.take('b')
      throw 'a bug'
    })
    turns.take('a')
    turns.take('c')
    expect(said).toEqual(['<a', 'failed a bug'])
    expect(turns.closed).toBe(true)
  })

  it('drops what waits when it is closed in the middle', () => {
    const { turns, said } = make((_, self) => {
      self.take('b')
      self.close()
    })
    turns.take('a')
    expect(said).toEqual(['<a', 'a>', 'worked'])
  })
})
