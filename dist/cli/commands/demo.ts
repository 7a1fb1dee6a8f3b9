/**
 * `fovea demo`: runs the steps, shows each as it happens, and cleans up whatever happens: after
 * success, after a failed step, after Ctrl-C. Nodes end with this program even if it is killed.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRealm, formatRealm } from '../../../mesh/index.ts'
import type { DemoArguments } from '../command.ts'
import type { NodeProcess } from '../demo/node-process.ts'
import { STEPS, type DemoWorld, type Shown, type Step } from '../demo/steps.ts'
import { CliError, InterruptedError, reportOf } from '../errors.ts'
import { writeSecretFile } from '../file.ts'
import type { CliIo } from '../io.ts'
import { formatMs, type Output } from '../output.ts'
import { formatMembers } from './members.ts'

const REALM_NAME = 'local.fovea.demo'
const NAME_WIDTH = 9
const INDENT = ' '.repeat(NAME_WIDTH + 5)

/** Runs the demo; rejects with `ERR_DEMO_STEP_FAILED` naming the step. */
export async function demo(options: DemoArguments, io: CliIo, out: Output): Promise<void> {
  const startedAt = io.clock.now()
  const directory = await mkdtemp(join(tmpdir(), 'fovea-demo-'))
  const abort = new AbortController()
  const nodes = new Map<string, NodeProcess>()
  const stopListening = io.onStop(() => {
    if (abort.signal.aborted) endAtOnce(nodes, directory, io)
    else abort.abort(new InterruptedError())
  })
  const world: DemoWorld = {
    directory,
    clock: io.clock,
    signal: abort.signal,
    nodes,
    ids: new Map(),
    formatMembers: (rows) => formatMembers(rows, out),
  }
  try {
    out.event({ event: 'demo_started', directory }, out.tone('strong', TITLE))
    await writeSecretFile(join(directory, 'realm.json'), formatRealm(createRealm(REALM_NAME)))
    for (const [index, step] of STEPS.entries()) await runStep(step, index + 1, world, out)
  } catch (error) {
    if (options.debug) for (const node of nodes.values()) showNode(node, io)
    await stopAll(nodes)
    throw explained(error, nodes)
  } finally {
    await stopAll(nodes)
    await rm(directory, { recursive: true, force: true })
    stopListening()
  }
  const tookMs = io.clock.now() - startedAt
  out.event({ event: 'demo_done', tookMs }, out.tone('good', `done in ${formatMs(tookMs)}`))
}

const TITLE = 'Fovea demo: three nodes, three processes, one encrypted mesh over QUIC'

async function runStep(step: Step, number: number, world: DemoWorld, out: Output): Promise<void> {
  let shown: Shown
  try {
    world.signal.throwIfAborted()
    shown = await raceAbort(step.run(world), world.signal)
  } catch (error) {
    if (error instanceof InterruptedError) throw error
    const { code, message } = reportOf(error)
    const inner = code === 'ERR_DEMO_STEP_FAILED' ? message : `${code}: ${message}`
    throw new CliError('ERR_DEMO_STEP_FAILED', `step '${step.name}' failed: ${inner}`, {
      cause: error,
    })
  }
  const title = `${String(number).padStart(2)}  ${out.tone('strong', step.name.padEnd(NAME_WIDTH))}`
  const details =
    shown.details
      ?.split('\n')
      .map((line) => `\n${INDENT}${line}`)
      .join('') ?? ''
  out.event({ event: 'step', step: step.name, ...shown.facts }, `${title} ${shown.text}${details}`)
}

async function stopAll(nodes: ReadonlyMap<string, NodeProcess>): Promise<void> {
  await Promise.all([...nodes.values()].map((node) => node.stop()))
}

/** A node that ended by itself is the reason of what failed afterwards. */
function explained(error: unknown, nodes: ReadonlyMap<string, NodeProcess>): unknown {
  const surprises = [...nodes.values()].map((node) => node.surprise).filter((s) => s !== undefined)
  if (!(error instanceof CliError) || surprises.length === 0) return error
  const message = [error.message, ...surprises].join('; ')
  return new CliError(error.code, message, { cause: error.cause })
}

function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function endAtOnce(nodes: ReadonlyMap<string, NodeProcess>, directory: string, io: CliIo): void {
  for (const node of nodes.values()) node.kill()
  rmSync(directory, { recursive: true, force: true })
  io.exitNow(new InterruptedError().exitCode)
}

function showNode(node: NodeProcess, io: CliIo): void {
  io.err(`--- node ${node.name} (pid ${node.osPid})`)
  for (const event of node.log.events.slice(-50)) io.err(JSON.stringify(event))
  if (node.stderr !== '') io.err(node.stderr.trimEnd())
}
