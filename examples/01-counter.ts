/**
 * A counter and its supervisor: a typed contract, state that belongs to one process, a crash that
 * stays alone, and a restart. Run it with: npm run example 01
 */
import {
  contract,
  implement,
  noreply,
  pidEquals,
  reply,
  Supervisor,
  type Contract,
  type Server,
} from 'fovea'

/** What a counter understands. A client needs nothing but this and the contract below. */
interface CounterApi {
  call: { get(): number; add(by: number): number; divide(by: number): number }
  cast: { reset(): void }
}

const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true, add: true, divide: true },
  cast: { reset: true },
})

/** How it works: state in, reply and next state out. A handler that throws ends its process. */
const Counter: Server<CounterApi, number> = implement(CounterContract, {
  init: (start: number) => start,
  call: {
    get: (count) => reply(count, count),
    add: (count, by) => reply(count + by, count + by),
    divide: (count, by) => {
      if (by === 0) throw new RangeError('division by zero')
      return reply(count / by, count / by)
    },
  },
  cast: { reset: () => noreply(0) },
})

const supervisor = await Supervisor.start({
  strategy: 'one_for_one',
  children: [Counter.child(10, { id: 'first' }), Counter.child(100, { id: 'second' })],
})

async function childCalled(id: string) {
  const children = await Supervisor.whichChildren(supervisor)
  const child = children.find((one) => one.id === id)
  if (child?.pid === undefined) throw new Error(`${id} is not running`)
  return { ref: CounterContract.at(child.pid), restarts: child.restarts }
}

const first = await childCalled('first')
const second = await childCalled('second')
console.log('first  10 + 5  =', await first.ref.call.add(5))
console.log('second 100 - 1 =', await second.ref.call.add(-1))

// The caller learns at once that the process it waits for has ended, and why.
try {
  await first.ref.call.divide(0)
} catch (error) {
  console.log('first crashed:', (error as Error).message)
}

// The supervisor has started a new one, which begins where its specification says.
const again = await childCalled('first')
console.log(
  'restarted:',
  again.restarts,
  'time; same process:',
  pidEquals(again.ref.pid, first.ref.pid),
)
console.log('first counts from', await again.ref.call.get(), 'again')
console.log('second never noticed:', await second.ref.call.get())

await Supervisor.stop(supervisor)
