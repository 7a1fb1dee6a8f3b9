import { describe, expect, it } from 'vitest'
import type { CatalogKind } from '../../../mesh/catalog/catalog.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'
import { StandingQuestions } from '../../../mesh/catalog/standing.ts'

class Scene {
  readonly log: string[] = []
  readonly standing: StandingQuestions
  nowMs = 0
  #number = 0

  constructor(options: CatalogOptions = {}) {
    this.standing = new StandingQuestions(catalogSettings(options))
  }

  /** Time is over. */
  tick(): void {
    this.standing.tick(this.nowMs, (peer, { number, name }) => {
      this.log.push(`${peer} ${name} ${number}`)
    })
  }

  ask(peer: string, name: string, kind: CatalogKind = 'topic'): void {
    this.#number += 1
    const question = { type: 'question', number: this.#number, kind, name } as const
    if (!this.standing.add(this.nowMs, peer, question)) this.log.push(`full ${peer}`)
  }

  /** What is answered after that change. */
  change(pattern: string): string {
    this.log.length = 0
    this.standing.changed(this.nowMs, 'topic', pattern)
    this.nowMs += 20
    this.tick()
    return this.log.join(', ')
  }
}

describe('questions that stand', () => {
  it('are answered again when something matches them, under their last number', () => {
    const scene = new Scene()
    scene.ask('a', 'x.y')
    scene.ask('b', 'x.y')
    scene.ask('a', 'z')
    scene.ask('a', 'x.y', 'procedure')
    expect(scene.change('x.y')).toBe('a x.y 1, b x.y 2')
    expect(scene.change('x.*')).toBe('a x.y 1, b x.y 2')
    expect(scene.change('**')).toBe('a x.y 1, b x.y 2, a z 3')
    expect(scene.change('x.z')).toBe('')
    scene.ask('a', 'x.y')
    expect(scene.change('x.y')).toBe('a x.y 5, b x.y 2')
  })

  it('are answered once for changes within answerDelayMs', () => {
    const scene = new Scene({ answerDelayMs: 20 })
    scene.ask('a', 'x')
    for (let at = 0; at < 3; at++) scene.standing.changed(at, 'topic', 'x')
    expect(scene.standing.nextDeadline()).toBe(20)
    scene.nowMs = 19
    scene.tick()
    expect(scene.log).toEqual([])
    scene.nowMs = 20
    scene.tick()
    expect(scene.log).toEqual(['a x 1'])
    expect(scene.standing.nextDeadline()).toBe(Infinity)
  })

  it('ML6 end with their peer, and after seekLeaseMs', () => {
    const scene = new Scene({ seekLeaseMs: 1_000 })
    scene.ask('a', 'x')
    scene.ask('b', 'x')
    scene.standing.forget('a')
    expect(scene.change('x')).toBe('b x 2')
    scene.nowMs = 1_000
    expect(scene.change('x')).toBe('')
    expect(scene.standing.size).toBe(0)
  })

  it('are edgeStandingMax of each peer: of one more its oldest is forgotten and counted', () => {
    const scene = new Scene({ edgeStandingMax: 2 })
    scene.ask('b', 'x')
    for (const name of ['x', 'y']) scene.ask('a', name)
    expect(scene.log).toEqual([])
    scene.ask('a', 'z')
    expect(scene.log).toEqual(['full a'])
    expect(scene.change('**')).toBe('b x 1, a y 3, a z 4')
    expect(scene.standing.size).toBe(3)
  })

  it('with wildcards are answered again when what is said is matched by them, later than those for names', () => {
    const scene = new Scene({ answerDelayMs: 20, filterAnswerDelayMs: 1_000 })
    for (const name of ['x.y', 'x.*', '**']) scene.ask('a', name)
    scene.ask('a', 'x.**', 'procedure')
    expect(scene.change('x.y')).toBe('a x.y 1')
    expect(scene.standing.nextDeadline()).toBe(1_000)
    // What is wanted with wildcards counts as it is written.
    expect(scene.change('y.*')).toBe('')
    scene.nowMs = 1_000
    scene.log.length = 0
    scene.tick()
    expect(scene.log).toEqual(['a x.* 2', 'a ** 3'])
    expect(scene.standing.nextDeadline()).toBe(Infinity)
  })

  it('with wildcards are edgeStandingFiltersMax of each peer, beside those for names', () => {
    const scene = new Scene({
      ...{ edgeStandingMax: 1, edgeStandingFiltersMax: 2, filterAnswerDelayMs: 0 },
    })
    for (const name of ['x', 'x.*', 'y.*']) scene.ask('a', name)
    expect(scene.log).toEqual([])
    scene.ask('a', '*')
    expect(scene.log).toEqual(['full a'])
    expect(scene.change('x.z')).toBe('')
    expect(scene.change('y.z')).toBe('a y.* 3')
    scene.standing.forget('a')
    expect(scene.standing.size).toBe(0)
  })
})
