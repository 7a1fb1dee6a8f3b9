/**
 * Types of applications, compiled by `tsc`.
 */
import {
  Application,
  defineApplication,
  runApplication,
  Supervisor,
  type AnyApplication,
  type ApplicationSpec,
  type RunStatus,
  type SupervisorRef,
} from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

export const Plain = defineApplication({ name: 'plain', start: () => Supervisor.startLink() })

interface Env {
  port: number
  host: string
}

export const Web = defineApplication({
  name: 'web',
  applications: [Plain, 'other'],
  env: { port: 80, host: 'localhost' },
  start: async ({ env, parent }) => {
    assert<Eq<typeof env, Readonly<Env>>>()
    assert<Eq<typeof parent, Pid>>()
    const { pid } = await Supervisor.startLink()
    return { pid, connections: new Set<string>() }
  },
  prepStop: (root) => {
    assertNot<IsAny<typeof root>>()
    root.connections.clear()
  },
})
assert<Eq<typeof Web, ApplicationSpec<Env, { pid: Pid; connections: Set<string> }>>>()
const anyOne: AnyApplication = Web
void anyOne

defineApplication({
  name: 'bad',
  // @ts-expect-error nothing with a pid
  start: () => 5,
})

export async function use(): Promise<void> {
  const root = await Application.start(Plain)
  assert<Eq<typeof root, SupervisorRef>>()
  const ensured = await Application.ensureAllStarted(Web, { env: { port: 81 }, type: 'permanent' })
  assert<Eq<typeof ensured.root.connections, Set<string>>>()
  // @ts-expect-error no such setting
  await Application.start(Web, { env: { prot: 81 } })
  // @ts-expect-error a setting of another type
  await Application.start(Web, { env: { port: '81' } })
  // @ts-expect-error no such type
  await Application.start(Web, { type: 'forever' })
  const port = Application.getEnv(Web, 'port')
  assert<Eq<typeof port, number>>()
  // @ts-expect-error no such setting
  Application.getEnv(Web, 'prot')
  await Application.setEnv(Web, { host: 'example.org' })
  // @ts-expect-error a setting of another type
  await Application.setEnv(Web, { host: 5 })
  const status = await runApplication(Web, {
    env: { port: 1 },
    onExit: (ended) => void ended.exitCode,
  })
  assert<Eq<typeof status, RunStatus>>()
}
