/** Codes of the catalog: what its user did wrong, and what peers said that changed nothing. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link CatalogError} and of counters. */
export type CatalogErrorCode =
  | 'ERR_CATALOG_OWN_MAX'
  | 'ERR_CATALOG_DETAIL'
  | 'ERR_CATALOG_ABORTED'
  | 'ERR_CATALOG_NODE_MAX'
  | 'ERR_CATALOG_FULL'
  | 'ERR_CATALOG_RELAYED_MAX'
  | 'ERR_CATALOG_FOREIGN'
  | 'ERR_CATALOG_LIFE'
  | 'ERR_CATALOG_UNLINKED'
  | 'ERR_CATALOG_ENTRY'
  | 'ERR_CATALOG_MESSAGE'
  | 'ERR_CATALOG_GAP'
  | 'ERR_CATALOG_SOUGHT_MAX'
  | 'ERR_CATALOG_LINKS_MAX'
  | 'ERR_CATALOG_DIALS_MAX'
  | 'ERR_CATALOG_DIAL_BACKLOG'
  | 'ERR_CATALOG_LOOKUP'
  | 'ERR_CATALOG_PROVISION'
  | 'ERR_CATALOG_SEEKS_MAX'
  | 'ERR_CATALOG_STANDING_MAX'
  | 'ERR_CATALOG_ANSWER_MAX'
  | 'ERR_CATALOG_NARROW'
  | 'ERR_CATALOG_HANDLER'

/** Something could not be said or sought. */
export class CatalogError extends FoveaError {
  override readonly name: string = 'CatalogError'
  constructor(code: CatalogErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
  }
}

const NOTHING = 'no; it is not taken into the catalog'
const HOSTILE = 'the peer is broken or hostile'

/** What users get. */
const USER_ERRORS: ErrorCatalogue = {
  ERR_CATALOG_OWN_MAX: {
    when: 'this node wants and offers `entriesPerNodeMax` things already',
    stateChanged: 'no',
    retry: 'after giving up something',
    action: 'subscribe with wildcards, or raise the limit on all nodes',
  },
  ERR_CATALOG_DETAIL: {
    when: 'the detail of an entry is no flat object of texts, finite numbers and truth values, or takes more than `detailBytesMax` bytes',
    stateChanged: 'no',
    retry: 'no',
    action: 'say less, or let others ask for the rest',
  },
  ERR_CATALOG_ABORTED: {
    when: 'the `signal` of a seek was aborted; its reason is the cause',
    stateChanged: 'no',
    retry: 'as the caller likes',
    action: 'nothing',
  },
}

/** What is counted besides. */
const COUNTED: ErrorCatalogue = {
  ERR_CATALOG_HANDLER: {
    when: 'a handler of changes threw; a counter, the log holds its error',
    stateChanged: 'no; other handlers are called all the same',
    retry: 'no',
    action: 'correct the handler',
  },
}

/** What peers said. */
const PEER_REFUSALS: ErrorCatalogue = {
  ERR_CATALOG_NODE_MAX: {
    when: 'a peer tells more than `entriesPerNodeMax` entries',
    stateChanged: 'what is above it is not known here',
    retry: 'no',
    action: 'raise the limit for gateways with many peers; else the peer is broken or hostile',
  },
  ERR_CATALOG_FULL: {
    when: '`entriesMax` entries of others are known',
    stateChanged: 'what is above it is not known here',
    retry: 'when there is room and the peer tells it again',
    action: 'raise the limit, or find out who tells so much',
  },
  ERR_CATALOG_RELAYED_MAX: {
    when: 'the peers at the edge of this gateway have more than `entriesPerNodeMax` entries together',
    stateChanged: 'what is above it is not told to others',
    retry: 'no',
    action: 'use more gateways, or raise the limit on all nodes',
  },
  ERR_CATALOG_FOREIGN: {
    when: 'a peer tells entries of another node and is no gateway, or that node is a member or this one',
    stateChanged: NOTHING,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_CATALOG_LIFE: {
    when: 'a peer speaks for another life than that of its link',
    stateChanged: NOTHING,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_CATALOG_UNLINKED: {
    when: 'a message came that only linked peers may send, from a node without a link',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'nothing for a few, when links end; else the peer is broken or hostile',
  },
  ERR_CATALOG_ENTRY: {
    when: 'an entry of a peer has a name that is no filter, or a detail that is not flat or too large',
    stateChanged: 'no; the rest of its message counts',
    retry: 'no',
    action: 'the peer has other limits, is broken or hostile',
  },
  ERR_CATALOG_MESSAGE: {
    when: 'a message of a peer cannot be read, or is not for this node',
    stateChanged: NOTHING,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_CATALOG_GAP: {
    when: 'something that a peer told before is missing',
    stateChanged: 'no; the peer is asked for it',
    retry: 'it is asked for again, ever later',
    action: 'nothing for a few, after restarts; else the peer is broken or hostile',
  },
}

/** How rendezvous fails; seeks end with what is known. */
const SEEK_REFUSALS: ErrorCatalogue = {
  ERR_CATALOG_SOUGHT_MAX: {
    when: '`soughtMax` names are sought; the one that was unused for longest is not any more',
    stateChanged: 'those who come later find this node under that name no more',
    retry: 'it is sought again when it is used',
    action: 'raise the limit, or publish to fewer topics that hardly anybody wants',
  },
  ERR_CATALOG_LINKS_MAX: {
    when: '`linkQueueMax` nodes that were found wait to be reached',
    stateChanged: 'no; that one is not reached',
    retry: 'with the next seek',
    action: 'raise `linksParallel`, or use names that fewer nodes want',
  },
  ERR_CATALOG_NARROW: {
    when: 'nobody was found for a name, and the DHT hears of more nodes than it can reach: each node here can dial few others',
    stateChanged: 'no; who wants or offers it far from here is not known',
    retry: 'with the next seek',
    action:
      'let some nodes be dialled by all, or keep such networks below `seekMembersMax` (20) nodes that are no neighbours',
  },
  ERR_CATALOG_DIALS_MAX: {
    when: 'the catalog dials its share of `dialsMax` nodes, and as many wait as may',
    stateChanged: 'no; that node is not reached',
    retry: 'with the next seek',
    action: 'raise `dialsMax` if it lasts',
  },
  ERR_CATALOG_DIAL_BACKLOG: {
    when: 'too much waits for one dial already',
    stateChanged: 'no; that node is not reached now',
    retry: 'with the next seek',
    action: 'nothing',
  },
  ERR_CATALOG_LOOKUP: {
    when: 'a lookup of a key in the DHT failed; a counter, the log holds the code',
    stateChanged: 'no; whoever is found only there is not known',
    retry: 'with the next seek, or the next refresh',
    action: 'look at the code in the log',
  },
  ERR_CATALOG_PROVISION: {
    when: 'a record in the DHT could not be put or withdrawn; a counter, the log holds the code',
    stateChanged: 'others may not find this node under that key',
    retry: 'it is repeated, ever later',
    action: 'look at the code in the log; `ERR_DHT_PROVIDERS_FULL` means that the name is crowded',
  },
  ERR_CATALOG_SEEKS_MAX: {
    when: 'a peer at the edge asks more than `edgeSeeksPerSecondMax` questions within a second, or `edgeFilterSeeksPerSecondMax` with wildcards, or `edgeSeeksMax` of all are under way',
    stateChanged: 'no; the question is not answered',
    retry: 'the peer asks again',
    action: 'raise the limits, or find out which peer asks so much',
  },
  ERR_CATALOG_ANSWER_MAX: {
    when: 'what a peer at the edge asks for has more than `answerEntriesMax` entries',
    stateChanged: 'the peer does not hear of what is above it',
    retry: 'no',
    action: 'ask for less with a longer filter, or raise the limit at gateways and peers',
  },
  ERR_CATALOG_STANDING_MAX: {
    when: 'a peer at the edge uses more names than `edgeStandingMax`, or filters than `edgeStandingFiltersMax`: its oldest answer is not kept true any more',
    stateChanged: 'that answer is true again when the peer asks again by itself',
    retry: 'the peer asks again',
    action: 'raise the limit, or find out which peer uses so many names',
  },
}

/** Codes of `mesh/catalog`. */
export const CATALOG_ERRORS: ErrorCatalogue = Object.freeze({
  ...USER_ERRORS,
  ...COUNTED,
  ...PEER_REFUSALS,
  ...SEEK_REFUSALS,
})
