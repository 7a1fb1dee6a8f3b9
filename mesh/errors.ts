/** Every code of the mesh layer: transport, identity, wire, link and the mesh itself. */
import type { ErrorCatalogue } from '../runtime/index.ts'
import { IDENTITY_ERRORS } from './identity/errors.ts'
import { LINK_ERRORS } from './link/errors.ts'
import { TRANSPORT_ERRORS } from './transport/errors.ts'
import { WIRE_ERRORS } from './wire/errors.ts'

/** Codes of the composition root, of discovery and of membership. */
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
  ERR_MEMBERS_FULL: {
    when: 'a neighbour told of a node while `membersMax` members were known',
    stateChanged: 'no; the entry is dropped',
    retry: 'the neighbour repeats it',
    action: 'raise `membersMax`',
  },
  ERR_MEMBERS_HEARSAY_FULL: {
    when: 'one neighbour named more than `hearsayMax` unknown nodes that have not answered yet',
    stateChanged: 'no; the entry is dropped',
    retry: 'the neighbour repeats it',
    action: 'nothing while a large mesh is joined; else the neighbour is hostile',
  },
  ERR_MEMBERS_SYNC_FLOOD: {
    when: 'one peer sent more than 16 member lists within a second',
    stateChanged: 'no; the frame is dropped',
    retry: 'no',
    action: 'the peer is broken or hostile',
  },
  ERR_MEMBERS_BUSY: {
    when: 'the membership process is being restarted, or its mailbox is full',
    stateChanged: 'no; the member list is dropped',
    retry: 'the neighbour repeats it',
    action: 'nothing, unless it lasts',
  },
}

/** The catalogue of the layer; a test holds that codes are unique and documented. */
export const MESH_ERRORS: ErrorCatalogue = Object.freeze({
  ...TRANSPORT_ERRORS,
  ...IDENTITY_ERRORS,
  ...WIRE_ERRORS,
  ...LINK_ERRORS,
  ...OWN_ERRORS,
})

/** The same in parts, so that a code in two of them is found. */
export const MESH_ERROR_PARTS: readonly ErrorCatalogue[] = Object.freeze([
  TRANSPORT_ERRORS,
  IDENTITY_ERRORS,
  WIRE_ERRORS,
  LINK_ERRORS,
  OWN_ERRORS,
])
