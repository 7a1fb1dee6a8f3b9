/** Types of tasks, compiled by `tsc`. */
import {
  Task,
  TaskSupervisor,
  type StartedTask,
  type StreamResult,
  type TaskResult,
  type TaskSupervisorRef,
} from '../../../behaviours/index.ts'
import type { ChildSpec } from '../../../behaviours/index.ts'
import type { ExitReason, Pid } from '../../../runtime/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

const now = Task.async(() => 1)
const later = Task.async(async (ctx) => ({ pid: ctx.self, callers: ctx.callers }))
assert<Eq<typeof now, Task<number>>>()
assert<Eq<typeof later, Task<{ pid: Pid; callers: readonly Pid[] }>>>()
assert<Eq<typeof now.pid, Pid | undefined>>()

const value = await Task.await(now)
const yielded = await Task.yield(later)
const stopped = await Task.shutdown(now, 'brutal_kill')
const ignored = Task.ignore(now)
assert<Eq<typeof value, number>>()
assert<Eq<typeof yielded, TaskResult<{ pid: Pid; callers: readonly Pid[] }> | undefined>>()
assert<Eq<typeof stopped, TaskResult<number> | undefined>>()
assert<Eq<typeof ignored, TaskResult<number> | undefined>>()
assertNot<IsAny<typeof value>>()

// A task is no promise: awaiting it gives the task.
const itself = await now
assert<Eq<typeof itself, Task<number>>>()

const many = await Task.awaitMany([now, Task.completed('text')])
assert<Eq<typeof many, [number, string]>>()
const list: Task<number>[] = [now]
const values = await Task.awaitMany(list)
assert<Eq<typeof values, number[]>>()
const [first] = await Task.yieldMany([now, later])
assert<Eq<(typeof first)[1], TaskResult<number> | undefined>>()

// @ts-expect-error the result is a number
const wrong: Task<string> = now
void wrong
// @ts-expect-error a pid and an owner do not make a task
await Task.await({ pid: now.pid, owner: now.owner })
// @ts-expect-error a promise is no task
await Task.await(Promise.resolve(1))
// @ts-expect-error not one of its ways
await Task.shutdown(now, 'slowly')

const spec: ChildSpec<StartedTask> = Task.child(() => undefined, { id: 'once' })
void spec

// --- streams

for await (const result of Task.asyncStream(['a'], async (s) => s.length)) {
  assert<Eq<typeof result, StreamResult<number>>>()
  if ('ok' in result) assert<Eq<typeof result.ok, number>>()
  else assert<Eq<typeof result.exit, ExitReason>>()
  // @ts-expect-error only with zipInputOnExit
  void result.input
}
async function* source(): AsyncGenerator<Date> {
  yield new Date(0)
}
const zipped = Task.asyncStream(source(), (date) => date.getTime(), { zipInputOnExit: true })
for await (const result of zipped) {
  if ('exit' in result) assert<Eq<typeof result.input, Date>>()
  else assert<Eq<typeof result.ok, number>>()
}
// @ts-expect-error the elements are numbers
Task.asyncStream([1], (s: string) => s)

// --- under a supervisor

declare const tasks: TaskSupervisorRef
const supervised = await TaskSupervisor.asyncNolink(tasks, async () => 'text')
assert<Eq<typeof supervised, Task<string>>>()
const lengths = TaskSupervisor.asyncStreamNolink(tasks, ['a'], (s) => s.length)
for await (const result of lengths) assert<Eq<typeof result, StreamResult<number>>>()
const pids = await TaskSupervisor.children(tasks)
assert<Eq<typeof pids, Pid[]>>()
