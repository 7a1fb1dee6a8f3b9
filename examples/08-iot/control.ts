/** The program of the control room: the archive, an eye on temperatures, and commands that a person types. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { Supervisor } from 'fovea'
import { startMesh } from 'fovea/mesh'
import type { Mesh } from 'fovea/mesh'
import { Archive } from './archive.ts'
import type { Kept } from './archive.ts'
import type { MemberOptions } from './gate.ts'
import { heaterOf, isHall, isReading } from './reading.ts'
import { printable } from '../printable.ts'
import { untilAsked } from '../stop-signal.ts'

const WARM = 25
/** A device that is offline says nothing; nobody waits longer for it. */
const COMMAND_MS = 2_000
const HELP = 'set HALL DEGREES, halls, or Ctrl-C'

/** Runs it until it is asked to stop. */
export async function runControl({ data, preset, ...place }: MemberOptions): Promise<void> {
  await mkdir(data, { recursive: true })
  const node = { name: 'control', host: '127.0.0.1', membership: preset, ...place }
  await using mesh = await startMesh({ ...node, dataDir: join(data, 'node') })
  const onKept = ({ hall, kind, number, value }: Kept): void => {
    console.log(`${hall} ${number} ${kind} ${value}`)
  }
  const archive = Archive.child({ mesh, path: join(data, 'readings.jsonl'), onKept })
  const tree = await Supervisor.start({ system: mesh.system, children: [archive] })
  watchWarmth(mesh)
  const reader = createInterface({ input: process.stdin })
  reader.on('line', (line) => {
    obey(mesh, line.trim()).then(
      (answer) => console.log(`* ${printable(String(answer))}`),
      (error: Error) => console.log(`! ${printable(error.message)}`),
    )
  })
  console.log(`* the control room is ${mesh.nodeId}; ${HELP}`)
  await untilAsked()
  reader.close()
  await Supervisor.stop(tree)
}

/** One segment is any hall, the other says what of it. */
function watchWarmth({ pubsub }: Mesh): void {
  const warm = new Set<string>()
  const seen = new Map<string, number>()
  pubsub.subscribe('site.*.temperature', ({ payload, publisher }) => {
    // What is published again is no news.
    if (!isReading(payload) || payload.number <= (seen.get(publisher) ?? 0)) return
    const { hall, value, number } = payload
    seen.set(publisher, number)
    if (value <= WARM) warm.delete(hall)
    if (value <= WARM || warm.has(hall)) return
    warm.add(hall)
    console.log(`* ${hall} is warm: ${value}`)
  })
}

async function obey({ rpc, services }: Mesh, line: string): Promise<string> {
  const [word, hall = '', degrees] = line.split(/\s+/)
  if (word === 'halls') {
    const offered = services
      .list()
      .map(({ procedure }) => /^site\.(\w+)\.heater$/.exec(procedure)?.[1])
    return `halls: ${offered
      .filter((name) => name !== undefined)
      .sort()
      .join(', ')}`
  }
  if (word !== 'set' || !isHall(hall) || degrees === undefined) throw new Error(`type ${HELP}`)
  return await rpc.call<string>(heaterOf(hall), Number(degrees), { timeoutMs: COMMAND_MS })
}
