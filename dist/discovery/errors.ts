/** Expected failures of discovery and their catalogue. */
import { FoveaError, type ErrorCatalogue, type FoveaErrorOptions } from '../../runtime/index.ts'

/** Something about finding other nodes failed; `code` says what. */
export class DiscoveryError extends FoveaError {
  override readonly name: string = 'DiscoveryError'
}

/** A server of a strategy answered something else than it should; `status` is that of HTTP. */
export class DiscoveryHttpError extends FoveaError {
  override readonly name: string = 'DiscoveryHttpError'
  readonly status: number
  constructor(status: number, message: string, options: FoveaErrorOptions = {}) {
    super('ERR_DISCOVERY_HTTP', message, options)
    this.status = status
  }
}

/** An invitation cannot be used; `code` says why. */
export class TicketError extends FoveaError {
  override readonly name: string = 'TicketError'
}

/** Codes of discovery. What a strategy fails with is counted as the mesh's `ERR_DISCOVERY_SOURCE`. */
export const discoveryErrors: ErrorCatalogue = Object.freeze({
  ERR_DISCOVERY_STRATEGY: {
    when: 'a strategy without a valid name or a function start was given, or its name is taken',
    stateChanged: 'no',
    retry: 'no',
    action: 'give each strategy of a node a name of its own',
  },
  ERR_DISCOVERY_STRATEGIES_MAX: {
    when: 'a node has 64 strategies already',
    stateChanged: 'no',
    retry: 'after removeStrategy',
    action: 'one strategy can offer many addresses',
  },
  ERR_DISCOVERY_ADDRESSES_MAX: {
    when: 'the strategies of a node propose more than addressesMax addresses',
    stateChanged:
      'no; the address waits, as one of addressesMax at most, until another one is gone',
    retry: 'it is tried by itself when there is room',
    action: 'raise addressesMax, or look which strategy finds so many',
  },
  ERR_DISCOVERY_TARGETS_MAX: {
    when: 'a counter: an answer of SRV records has more than targetsMax of them',
    stateChanged: 'no; those beyond it, the last by priority and weight, are not tried',
    retry: 'with the next answer',
    action: 'raise targetsMax, or name a service with fewer nodes',
  },
  ERR_DISCOVERY_OBJECTS_MAX: {
    when: 'a counter: the Kubernetes API tells of more than objectsMax objects',
    stateChanged: 'no; those beyond it are passed over',
    retry: 'when they change, or with the next list',
    action: 'narrow the selector, or raise objectsMax',
  },
  ERR_DISCOVERY_TIMEOUT: {
    when: 'a server of a strategy gave no answer in time',
    stateChanged: 'no; what it said before still counts',
    retry: 'the strategy does, with growing pauses',
    action: 'look whether the server runs and can be reached',
  },
  ERR_DISCOVERY_DNS: {
    when: 'a name does not exist, or its servers failed; the cause holds the code of the resolver',
    stateChanged: 'no; what was resolved before still counts',
    retry: 'the strategy does, with growing pauses',
    action: 'check the name and the servers',
  },
  ERR_DISCOVERY_HTTP: {
    when: 'Kubernetes or Consul answered with another status than expected, or with something that is no such answer',
    stateChanged: 'no; what it said before still counts',
    retry: 'the strategy does, with growing pauses',
    action: 'branch on status: 401 and 403 are about the token, 404 about names',
  },
  ERR_DISCOVERY_ANSWER_MAX: {
    when: 'an answer of Kubernetes or Consul is longer than answerBytesMax',
    stateChanged: 'no; what it said before still counts',
    retry: 'the strategy does, with growing pauses',
    action: 'narrow the selector, or raise answerBytesMax',
  },
  ERR_DISCOVERY_DATAGRAM: {
    when: 'a datagram of gossip or mDNS is no such datagram, was made with another secret, or is a replay',
    stateChanged: 'no; it is dropped',
    retry: 'no',
    action: 'nothing for a few; else compare secrets and clocks of the nodes',
  },
  ERR_DISCOVERY_FLOOD: {
    when: 'more than datagramsPerSecondMax datagrams came within a second; the socket is closed for the rest of it',
    stateChanged: 'no; what comes meanwhile is not read',
    retry: 'the socket is opened again by itself',
    action: 'look who floods the group',
  },
  ERR_DISCOVERY_SOCKET: {
    when: 'a socket for multicast cannot be opened, or stopped working',
    stateChanged: 'no',
    retry: 'the strategy does, with growing pauses',
    action: 'read the cause; another program may hold the port without sharing it',
  },
  ERR_DISCOVERY_NAME: {
    when: 'a name or cluster to register or to look up is not written as such',
    stateChanged: 'no',
    retry: 'no',
    action:
      'names: a letter, then letters, digits, _ or -; clusters: letters, digits, dots, dashes, underscores',
  },
  ERR_DISCOVERY_NAMES_MAX: {
    when: 'a node has registered namesMax names already',
    stateChanged: 'no',
    retry: 'after unregisterNode',
    action: 'register nodes, not processes; those have names of their own',
  },
  ERR_DISCOVERY_NODES_MAX: {
    when: 'more than nodesMax nodes are known from mDNS and the DHT',
    stateChanged: 'no; the node is not listed',
    retry: 'it is listed as soon as there is room',
    action: 'raise nodesMax, or look who announces so many',
  },
  ERR_DISCOVERY_NOT_FORMED: {
    when: 'formed() gave up before requiredContacts nodes were together',
    stateChanged: 'no',
    retry: 'yes',
    action: 'look which nodes are missing; this one may be in a minority',
  },
  ERR_DISCOVERY_STOPPED: {
    when: 'something was asked of a node that stops or has stopped',
    stateChanged: 'no',
    retry: 'no',
    action: 'start a new node',
  },
  ERR_TICKET_INVALID: {
    when: 'a text is no ticket, was changed, or is not signed by the node that it names',
    stateChanged: 'no',
    retry: 'no',
    action: 'ask for a new one, and copy all of it',
  },
  ERR_TICKET_EXPIRED: {
    when: 'the time of a ticket is over',
    stateChanged: 'no',
    retry: 'no',
    action: 'ask for a new one',
  },
  ERR_TICKET_REALM: {
    when: 'a ticket leads into another realm than that of the node',
    stateChanged: 'no',
    retry: 'no',
    action: 'start the node with the realm file of that realm',
  },
  ERR_ENVIRONMENT_INVALID: {
    when: 'nodeOptionsFromEnvironment found a variable whose value is none that it can have',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the variable that the message names',
  },
})
