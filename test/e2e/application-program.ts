/**
 * A program for application.test.ts: an application whose server is at work when a signal comes. What it
 * should do is its argument: `drain` ends what is in hand, `stuck` never does.
 */
import process from 'node:process'
import {
  Application,
  defaultSystem,
  defineApplication,
  defineServer,
  noreply,
  reply,
  runApplication,
  Supervisor,
  type Ctx,
} from '../../index.ts'

const [scenario = 'drain', stopTimeoutMs = '10000'] = process.argv.slice(2)
const say = (event: string, fields: object = {}): void => {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
}

const Worker = defineServer({
  init: (_arg: void, ctx: Ctx<never>) => {
    ctx.trapExit(true) // the request to stop comes after the calls that are queued
    return { done: 0, clock: ctx.system.clock }
  },
  call: {
    work: async (state, ms: number) => {
      await new Promise<void>((resolve) => state.clock.setTimer(ms, resolve))
      return reply(state.done + 1, { ...state, done: state.done + 1 })
    },
  },
  cast: { nothing: (state) => noreply(state) },
  terminate: async (_reason, { clock }) => {
    say('terminate')
    if (scenario === 'stuck') await new Promise<void>((resolve) => clock.setTimer(60_000, resolve))
  },
})

const App = defineApplication({
  name: 'app',
  start: async () => {
    const worker = Worker.child(undefined, { id: 'worker', shutdown: 'infinity' })
    const root = await Supervisor.startLink({ children: [worker] })
    const [child] = await Supervisor.whichChildren(root)
    const { call } = Worker.contract.at(child?.pid as never)
    const results = Promise.all([call.work(150), call.work(150), call.work(150)])
    void results.then(
      (done) => say('results', { done }),
      (error: unknown) => say('failed', { error: String(error) }),
    )
    return { pid: root.pid }
  },
  prepStop: () => say('prep_stop'),
  stop: () => say('stop'),
})

/** Not before the application runs: a signal before that gives the start up. */
async function sayReady(): Promise<void> {
  while ((await Application.which())[0]?.status !== 'running') {
    await new Promise<void>((resolve) => defaultSystem().clock.nextTurn(resolve))
  }
  say('ready')
}

void sayReady()
const status = await runApplication(App, {
  stopTimeoutMs: Number(stopTimeoutMs),
  onExit: (ended) => say('exit', { status: ended }),
})
say('end', { exitCode: status.exitCode, listeners: process.listenerCount('SIGTERM') })
