/**
 * The program of a device: at the edge of the mesh, behind a gateway that comes and goes.
 *
 *     device (rest_for_one)
 *     ├─ outbox   what is accepted, on disk
 *     ├─ uplink   from there into the mesh
 *     └─ heater   commands and sensors
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Supervisor } from 'fovea'
import { connect } from 'fovea/mesh'
import { Heater } from './heater.ts'
import { Outbox } from './outbox.ts'
import { untilAsked } from '../stop-signal.ts'
import { Uplink } from './uplink.ts'

/** What the command line says. */
export interface DeviceOptions {
  readonly hall: string
  readonly realm: string
  /** Folder for its key and its readings. */
  readonly data: string
  readonly gates: readonly string[]
  readonly everyMs: number
}

/** A gateway that is gone is noticed soon, and looked for often: there are few devices. */
const DIALS = {
  ...{ connectTimeoutMs: 1_000, reconnectBaseMs: 100, reconnectMaxMs: 1_000 },
  keepaliveIntervalMs: 500,
}

/** Runs it until it is asked to stop. */
export async function runDevice({
  hall,
  realm,
  data,
  gates,
  everyMs,
}: DeviceOptions): Promise<void> {
  await mkdir(data, { recursive: true })
  const print = (line: string): void => console.log(line)
  await using peer = await connect(gates, {
    realm,
    name: hall,
    dataDir: join(data, 'node'),
    ...DIALS,
  })
  peer.onState((state) => print(`* ${state}`))
  const named = (name: string) => ({ id: name, options: { name } })
  const tree = await Supervisor.start({
    ...{ system: peer.system, strategy: 'rest_for_one' },
    children: [
      Outbox.child(join(data, 'outbox.jsonl'), named('outbox')),
      Uplink.child({ peer, print }, named('uplink')),
      Heater.child({ peer, hall, everyMs, print }, named('heater')),
    ],
  })
  const outbox = Outbox.contract.at(peer.system.whereis('outbox')!)
  const waiting = await outbox.call.waiting(Infinity)
  print(`* ${hall} runs as ${peer.key.hex}; ${waiting.length} readings wait`)
  await untilAsked()
  await Supervisor.stop(tree)
}
