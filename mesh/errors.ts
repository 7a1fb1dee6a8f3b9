/** Every code of the mesh layer: transport, identity, wire, link, membership, routing and the mesh itself. */
import type { ErrorCatalogue } from '../runtime/index.ts'
import { BRIDGE_ERRORS } from './gateway/bridge-errors.ts'
import { GATEWAY_ERRORS } from './gateway/errors.ts'
import { CATALOG_ERRORS } from './catalog/errors.ts'
import { COURIER_ERRORS } from './courier/errors.ts'
import { IDENTITY_ERRORS } from './identity/errors.ts'
import { LINK_ERRORS } from './link/errors.ts'
import { MEMBERSHIP_ERRORS } from './membership/errors.ts'
import { PEER_ERRORS } from './peer/errors.ts'
import { PUBSUB_ERRORS } from './pubsub/errors.ts'
import { PRESENCE_ERRORS } from './presence/errors.ts'
import { ROUTING_ERRORS } from './routing/errors.ts'
import { ROUTE_ERRORS } from './routing/greedy/errors.ts'
import { RPC_ERRORS } from './rpc/errors.ts'
import { SERVICES_ERRORS } from './services/errors.ts'
import { STORE_ERRORS } from './store/errors.ts'
import { TOPIC_ERRORS } from './topics/errors.ts'
import { TRANSPORT_ERRORS } from './transport/errors.ts'
import { WIRE_ERRORS } from './wire/errors.ts'

/** Codes of the composition root and of discovery. */
const OWN_ERRORS: ErrorCatalogue = {
  ERR_REALM_REQUIRED: {
    when: '`startMesh` was called without `realm`',
    stateChanged: 'no',
    retry: 'no',
    action: 'make a realm file with `fovea realm create`, or a realm with `createRealm`',
  },
  ERR_ADVERTISE_HOST_REQUIRED: {
    when: '`host` means every address and this machine has none that others can reach',
    stateChanged: 'no',
    retry: 'no',
    action: 'set `advertiseHost` to the address that other nodes dial',
  },
  ERR_MESH_OPTIONS: {
    when: 'two options contradict each other; the message names them',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct one of them',
  },
  ERR_SERVICES_DISABLED: {
    when: '`mesh.pubsub`, `mesh.rpc`, `mesh.presence`, `mesh.services` or `mesh.client` of a node that was started with `services: false`',
    stateChanged: 'no',
    retry: 'no',
    action: 'start the node without that option',
  },
  ERR_MESH_STOPPED: {
    when: 'an operation on a mesh that stops or has stopped',
    stateChanged: 'no',
    retry: 'no',
    action: 'start a new mesh',
  },
  ERR_SEED_INVALID: {
    when: "a seed is not written 'name@host:port' or 'host:port'",
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the seed; IPv6 hosts stand in brackets',
  },
  ERR_SEEDS_FULL: {
    when: '`seedsMax` addresses are known already',
    stateChanged: 'no; the address is not tried',
    retry: 'no',
    action: 'raise `seedsMax`, or look which source finds so many',
  },
  ERR_DISCOVERY_SOURCE: {
    when: 'a source of addresses failed; the log holds its error',
    stateChanged: 'no; what it found before is still tried',
    retry: 'the source decides',
    action: 'read the cause',
  },
}

/** The catalogue of the layer; a test holds that codes are unique and documented. */
export const MESH_ERRORS: ErrorCatalogue = Object.freeze({
  ...TRANSPORT_ERRORS,
  ...PUBSUB_ERRORS,
  ...IDENTITY_ERRORS,
  ...WIRE_ERRORS,
  ...LINK_ERRORS,
  ...MEMBERSHIP_ERRORS,
  ...ROUTE_ERRORS,
  ...STORE_ERRORS,
  ...ROUTING_ERRORS,
  ...RPC_ERRORS,
  ...CATALOG_ERRORS,
  ...COURIER_ERRORS,
  ...TOPIC_ERRORS,
  ...PRESENCE_ERRORS,
  ...GATEWAY_ERRORS,
  ...BRIDGE_ERRORS,
  ...PEER_ERRORS,
  ...SERVICES_ERRORS,
  ...OWN_ERRORS,
})

/** The same in parts, so that a code in two of them is found. */
export const MESH_ERROR_PARTS: readonly ErrorCatalogue[] = Object.freeze([
  TRANSPORT_ERRORS,
  IDENTITY_ERRORS,
  WIRE_ERRORS,
  LINK_ERRORS,
  MEMBERSHIP_ERRORS,
  ROUTE_ERRORS,
  STORE_ERRORS,
  ROUTING_ERRORS,
  PUBSUB_ERRORS,
  RPC_ERRORS,
  CATALOG_ERRORS,
  COURIER_ERRORS,
  TOPIC_ERRORS,
  PRESENCE_ERRORS,
  GATEWAY_ERRORS,
  BRIDGE_ERRORS,
  PEER_ERRORS,
  SERVICES_ERRORS,
  OWN_ERRORS,
])
