/** Why a process did not start here, for those who start processes in the name of others: hosts of children and of entities. */
import { SpawnStatus } from './control.ts'
import { DistRefusedError, RemoteSpawnInitError, RemoteSpawnTimeoutError } from './errors.ts'
import type { FailedSpawn } from './spawner.ts'

/** The error of a start that failed. */
export function startFailure(
  names: { readonly behaviorName: string; readonly nodeId: string },
  timeoutMs: number,
  { status, detail }: FailedSpawn,
): Error {
  if (status === SpawnStatus.timeout) return new RemoteSpawnTimeoutError(names, timeoutMs)
  if (status !== SpawnStatus.refused) return new RemoteSpawnInitError(names, detail)
  const code = String(detail)
  return new DistRefusedError(
    code,
    `${names.nodeId} refused to start '${names.behaviorName}': ${code}`,
  )
}
