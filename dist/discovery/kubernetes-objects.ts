/** Addresses of nodes in objects of the Kubernetes API. Pure: anything may be in them. */
import { isHost, type Candidate } from '../../mesh/index.ts'
import { listAt, numberAt, objectAt, textAt, type JsonObject } from './json.ts'

/** Which objects are watched. */
export type KubernetesMode = 'endpoints' | 'pods'

/** How addresses are read from objects. */
export interface KubernetesReading {
  readonly mode: KubernetesMode
  /** Port of the nodes where the objects name none. */
  readonly port: number
  /** Name of the port in the objects. */
  readonly portName: string | undefined
  /** Whether nodes that are not ready yet count. */
  readonly notReady: boolean
}

/** What tells an object from others of its kind. */
export function objectName(object: JsonObject): string | undefined {
  const metadata = objectAt(object, 'metadata')
  return textAt(metadata, 'uid') ?? textAt(metadata, 'name')
}

/** The addresses in one object. */
export function addressesIn(object: JsonObject, reading: KubernetesReading): Candidate[] {
  return reading.mode === 'endpoints' ? inEndpoints(object, reading) : inPod(object, reading)
}

/** Endpoints: subsets of addresses, ready and not, with their ports. */
function inEndpoints(object: JsonObject, reading: KubernetesReading): Candidate[] {
  return listAt(object, 'subsets').flatMap((subset) => {
    const port = portIn(listAt(subset, 'ports'), 'port', reading)
    const addresses = [
      ...listAt(subset, 'addresses'),
      ...(reading.notReady ? listAt(subset, 'notReadyAddresses') : []),
    ]
    return addresses.flatMap((address) => candidate(textAt(address, 'ip'), port))
  })
}

/** A pod: its address, unless it is ending, ended, or not ready. */
function inPod(object: JsonObject, reading: KubernetesReading): Candidate[] {
  const status = objectAt(object, 'status')
  const phase = textAt(status, 'phase')
  const isEnding = objectAt(object, 'metadata')['deletionTimestamp'] !== undefined
  if (isEnding || phase === 'Succeeded' || phase === 'Failed') return []
  const isReady = listAt(status, 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  )
  if (!isReady && !reading.notReady) return []
  const ports = listAt(objectAt(object, 'spec'), 'containers').flatMap((container) =>
    listAt(container, 'ports'),
  )
  return candidate(textAt(status, 'podIP'), portIn(ports, 'containerPort', reading))
}

function portIn(
  ports: readonly JsonObject[],
  field: string,
  { port, portName }: KubernetesReading,
): number {
  if (portName === undefined) return port
  const named = ports.find((one) => textAt(one, 'name') === portName)
  return (named === undefined ? undefined : numberAt(named, field)) ?? port
}

function candidate(host: string | undefined, port: number): Candidate[] {
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536
  return isPort && isHost(host) ? [{ host, port }] : []
}
