/** Who is present in a topic, as the command line asks a running node. */
import type { Mesh, PresenceEntry, PresenceEvent } from '../../../mesh/index.ts'
import type { PresenceMessageRow, PresenceRow } from './presence-rows.ts'

/** What of a mesh, or of a peer at its edge, is needed. */
export type PresenceMesh = Pick<Mesh, 'presence'> & Partial<Pick<Mesh, 'membership'>>

/** What is asked. */
export interface PresenceQuestion {
  readonly topic: string
  /** How long nodes are waited for that have not told who is present; undefined is the default of the node. */
  readonly timeoutMs: number | undefined
}

/** Entries in one message: with the largest metas still far below the bytes that a line may have. */
const BATCH_ROWS_MAX = 100

/**
 * Tells who is present, then every change; resolves with the way to stop once all that were there have been told. Rejects
 * for a topic that is none.
 */
export function watchPresence(
  mesh: PresenceMesh,
  { topic, timeoutMs }: PresenceQuestion,
  push: (row: PresenceMessageRow) => void,
): Promise<() => void> {
  return new Promise((resolve) => {
    const tell = (event: PresenceEvent): void => {
      for (const row of messagesOf(mesh, event)) push(row)
      if (event.type === 'snapshot') resolve(() => watch.close())
    }
    const watch = mesh.presence.watch(topic, tell, { timeoutMs })
  })
}

function messagesOf(mesh: PresenceMesh, event: PresenceEvent): readonly PresenceMessageRow[] {
  const { topic } = event
  if (event.type === 'snapshot') {
    const rows = event.entries.map((entry) => rowOf(mesh, entry))
    const parts = Math.max(1, Math.ceil(rows.length / BATCH_ROWS_MAX))
    return Array.from({ length: parts }, (_none, n) => ({
      ...{ type: 'snapshot', topic, isComplete: event.isComplete },
      entries: rows.slice(n * BATCH_ROWS_MAX, (n + 1) * BATCH_ROWS_MAX),
    }))
  }
  const { joins, leaves } = event
  const replaced = new Set(joins.map(({ previousRef }) => previousRef))
  const left = leaves.filter(({ ref }) => !replaced.has(ref))
  return [
    ...left.map((entry) => ({ type: 'left', topic, ...rowOf(mesh, entry) }) as const),
    ...joins.map((entry) => {
      const type = entry.previousRef === undefined ? 'joined' : 'updated'
      return { type, topic, ...rowOf(mesh, entry) } as const
    }),
  ]
}

function rowOf(mesh: PresenceMesh, { key, node: nodeKey, meta }: PresenceEntry): PresenceRow {
  const node = mesh.membership?.member(nodeKey)?.nodeId
  return { key, ...(node === undefined ? {} : { node }), nodeKey, meta }
}
