/** The program of the gateway: the way of the devices into the mesh. It keeps nothing, and can read nothing that passes. */
import { startMesh } from 'fovea/mesh'
import type { MembershipPreset } from 'fovea/mesh'
import { untilAsked } from '../stop-signal.ts'

/** What the command line says; the same for the control room. */
export interface MemberOptions {
  readonly realm: string
  readonly data: string
  readonly port: number
  readonly seeds: readonly string[]
  readonly preset: MembershipPreset
}

/** Runs it until it is asked to stop. */
export async function runGate({ data, preset, ...place }: MemberOptions): Promise<void> {
  const node = { name: 'gate', host: '127.0.0.1', dataDir: data, membership: preset, ...place }
  await using mesh = await startMesh({ ...node, gateway: true })
  mesh.gateway?.onClient(({ type, name }) => console.log(`* ${name}: ${type}`))
  console.log(`* the gateway is ${mesh.nodeId}`)
  await untilAsked()
}
