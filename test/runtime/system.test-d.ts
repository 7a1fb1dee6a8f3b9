/** What the compiler must and must not accept. Checked by tsc; nothing here runs. */
import { createSystem } from '../../runtime/index.ts'
import type { MonitorRef, Pid, ProcessContext, TimerRef } from '../../runtime/index.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<T extends true>(): void
function assert(): void {}

declare const pid: Pid
declare const monitorRef: MonitorRef
declare const timerRef: TimerRef
declare const context: ProcessContext
const system = createSystem({ callTimeoutMs: 1 })

const reply = system.call(pid, 'x', 1)
assert<Equal<typeof reply, Promise<unknown>>>()
const received = context.receive()
assert<Equal<typeof received, Promise<unknown>>>()
const left = system.cancelTimer(timerRef)
assert<Equal<typeof left, number | false>>()
const never = (): never => context.exit('normal')
assert<Equal<ReturnType<typeof never>, never>>()

system.demonitor(monitorRef)
// @ts-expect-error a timer is not a monitor
system.demonitor(timerRef)
// @ts-expect-error a monitor is not a timer
system.cancelTimer(monitorRef)
// @ts-expect-error a pid is not a ref
system.demonitor(pid)
// @ts-expect-error an unknown option
createSystem({ timeout: 5 })
// @ts-expect-error the name comes before the input
void system.call(pid, { type: 'x' })
// @ts-expect-error a target is a pid, a name or a via
system.send(5, 'x')
// @ts-expect-error spawnMonitor needs an owner
system.spawnMonitor(() => {}, {})
