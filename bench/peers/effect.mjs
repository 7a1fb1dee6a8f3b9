/**
 * effect: it has no local actor of its own, so its documented parts for one: a fiber that takes from a
 * `Queue` and answers through a `Deferred`, called from within one running program, not by a
 * `runPromise` per message.
 */
import { Deferred, Effect, Fiber, Queue } from 'effect'

/** A sum behind a queue; the fiber that serves it is a child of the caller's program. */
const sumActor = Effect.gen(function* () {
  const queue = yield* Queue.unbounded()
  let total = 0
  const fiber = yield* Effect.forkDetach(
    Effect.forever(
      Effect.flatMap(Queue.take(queue), ({ by, answer }) => {
        total += by
        return answer === undefined ? Effect.void : Deferred.succeed(answer, total)
      }),
    ),
  )
  return { queue, fiber }
})

const call = (queue) =>
  Effect.gen(function* () {
    const answer = yield* Deferred.make()
    yield* Queue.offer(queue, { by: 1, answer })
    return yield* Deferred.await(answer)
  })

const run = (body) => Effect.runPromise(Effect.gen(body))

export const makeMeasures = async ({ timed, bytesPer, underStorm, PIPELINE, BURST, TIMER_MS }) => {
  const { queue } = await Effect.runPromise(sumActor)
  return {
    callSequential: (operations) =>
      timed(operations, (n) =>
        run(function* () {
          for (let i = 0; i < n; i++) yield* call(queue)
        }),
      ),
    callPipelined: (operations) =>
      timed(operations, (n) =>
        run(function* () {
          const batch = Array.from({ length: PIPELINE }, () => call(queue))
          for (let done = 0; done < n; done += PIPELINE) {
            yield* Effect.all(batch, { concurrency: 'unbounded' })
          }
        }),
      ),
    cast: (operations) =>
      timed(operations, (n) =>
        run(function* () {
          for (let done = 0; done < n; done += BURST) {
            for (let i = 0; i < BURST; i++) yield* Queue.offer(queue, { by: 1, answer: undefined })
            yield* call(queue)
          }
        }),
      ),
    spawn: (operations) =>
      timed(operations, (n) =>
        run(function* () {
          const made = []
          for (let i = 0; i < n; i++) made.push(yield* sumActor)
          for (const { fiber } of made) yield* Fiber.interrupt(fiber)
        }),
      ),
    idleBytes: (count) =>
      bytesPer(
        count,
        (n) =>
          run(function* () {
            const made = []
            for (let i = 0; i < n; i++) made.push(yield* sumActor)
            return made
          }),
        (made) =>
          run(function* () {
            for (const { fiber } of made) yield* Fiber.interrupt(fiber)
          }),
      ),
    timer: (processes) => {
      const fibers = []
      return underStorm(
        (goesOn) =>
          run(function* () {
            const player = (own, other) =>
              Effect.forkDetach(
                Effect.forever(
                  Effect.flatMap(Queue.take(own), ({ ball }) =>
                    goesOn() ? Queue.offer(other, { ball: ball + 1 }) : Effect.void,
                  ),
                ),
              )
            const first = []
            for (let i = 0; i < processes; i += 2) {
              const a = yield* Queue.unbounded()
              const b = yield* Queue.unbounded()
              fibers.push(yield* player(a, b), yield* player(b, a))
              first.push(a)
            }
            return () => first.forEach((queue) => Queue.offerUnsafe(queue, { ball: 0 }))
          }),
        (fire) => Effect.runFork(Effect.andThen(Effect.sleep(TIMER_MS), Effect.sync(fire))),
      ).finally(() => Promise.all(fibers.map((fiber) => Effect.runPromise(Fiber.interrupt(fiber)))))
    },
  }
}
