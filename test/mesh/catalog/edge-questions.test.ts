import { describe, expect, it } from 'vitest'
import type { CatalogEntry } from '../../../mesh/catalog/catalog.ts'
import { EdgeQuestions } from '../../../mesh/catalog/edge-questions.ts'
import type { AnswerMessage } from '../../../mesh/catalog/message.ts'
import { CATALOG_DEFAULTS } from '../../../mesh/catalog/settings.ts'
import { StandingQuestions } from '../../../mesh/catalog/standing.ts'
import { createSimClock } from '../../../runtime/index.ts'

describe('a gateway that asks for the peers at its edge', () => {
  it.each([
    { kind: 'topic', name: 'a.b', isPartial: true },
    { kind: 'procedure', name: 'a.b', isPartial: true },
    // Of whom it knows it can say that they are there.
    { kind: 'topic', name: 'known', isPartial: false },
    { kind: 'topic', name: 'a.*', isPartial: false },
  ] as const)(
    'passes on of $kind $name that its search found nobody where that says nothing: $isPartial',
    ({ kind, name, isPartial }) => {
      const known: CatalogEntry = {
        ...{ kind: 'topic', pattern: 'known', node: 'n', via: undefined, detail: {}, sinceMs: 0 },
      }
      const answers: AnswerMessage[] = []
      const questions = new EdgeQuestions({
        ...{ self: 'g', settings: CATALOG_DEFAULTS, clock: createSimClock() },
        standing: new StandingQuestions(CATALOG_DEFAULTS),
        own: { topic: new Map(), procedure: new Map() },
        others: {
          match: (_kind, wanted, visit) => void (wanted === known.pattern && visit(known)),
          entries: () => [],
        },
        isHere: () => true,
        isSought: () => true,
        isUnanswered: () => true,
        isBeginning: () => false,
        isClosed: () => false,
        seek: () => expect.unreachable(),
        send: (_to, message) => void answers.push(message),
        refused: (code) => expect.unreachable(code),
      })
      questions.take('e', { type: 'question', number: 7, kind, name })
      expect(answers).toMatchObject([{ number: 7, last: true }])
      expect(answers[0]!.isPartial === true).toBe(isPartial)
    },
  )
})
