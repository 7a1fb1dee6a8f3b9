/** Asks those who are in a room what was said there: nobody has all of it, and there is no server that has. */
import { isLine } from './line.ts'
import type { Line } from './line.ts'
import { historyOf } from './names.ts'
import type { RoomArg } from './room-state.ts'

/** So many are asked. */
const ASKED_MAX = 3
const ANSWER_MS_MAX = 3_000

/** What they remember together. One who does not answer is done without, unless nobody does. */
export async function catchUp(
  { mesh, room, screen }: RoomArg,
  nodes: readonly string[],
): Promise<readonly Line[]> {
  const asked = nodes.slice(0, ASKED_MAX)
  const limits = { idempotent: true, timeoutMs: ANSWER_MS_MAX }
  const answers = await Promise.allSettled(
    asked.map((node) => mesh.rpc.call(historyOf(room), undefined, { node, ...limits })),
  )
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  if (told.length === 0 && asked.length > 0) screen.print('! nobody tells what was said before')
  return told.flatMap((lines) => (Array.isArray(lines) ? lines.filter(isLine) : []))
}
