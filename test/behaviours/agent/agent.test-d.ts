/** Types of agents, compiled by `tsc`. */
import { Agent, type AgentRef, type ChildSpec } from '../../../behaviours/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

const count = await Agent.start(1)
const later = await Agent.startLink(async () => ({ names: ['ada'] }))
assert<Eq<typeof count, AgentRef<number>>>()
assert<Eq<typeof later, AgentRef<{ names: string[] }>>>()

const doubled = await Agent.get(count, (n) => n * 2)
const names = await Agent.get(later, async (state) => state.names)
const taken = await Agent.getAndUpdate(count, (n) => [String(n), n + 1])
assert<Eq<typeof doubled, number>>()
assert<Eq<typeof names, string[]>>()
assert<Eq<typeof taken, string>>()
assertNot<IsAny<typeof doubled>>()
assertNot<IsAny<typeof taken>>()
await Agent.update(later, async (state) => ({ names: [...state.names, 'bob'] }))
const sent: boolean = Agent.cast(count, (n) => n + 1)
void sent

// A name says nothing of the value.
const byName = await Agent.get('count', (n: number) => n)
assert<Eq<typeof byName, number>>()
await Agent.get('count', (n) => {
  // @ts-expect-error unknown
  n.toFixed()
})

// @ts-expect-error not the value of this agent
await Agent.update(count, () => 'text')
// @ts-expect-error not the value of this agent
await Agent.getAndUpdate(count, (n) => [n, 'text'])
// @ts-expect-error a number has no names
await Agent.get(count, (state) => state.names)
// @ts-expect-error the value does not fit
const wrong: AgentRef<string> = count
void wrong

const spec: ChildSpec<AgentRef<number>> = Agent.child(() => 1)
void spec
