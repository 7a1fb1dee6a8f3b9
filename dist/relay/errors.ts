/** Codes of conversations through others. What is lost there is `noconnection`, like a link that was lost. */
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of `dist/relay`. */
export const RELAY_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_DIST_RELAY: {
    when: 'what a node sent through others is no message of a conversation',
    stateChanged: 'no; it is dropped',
    retry: 'no',
    action: 'the node speaks another version, or is broken or hostile',
  },
  ERR_DIST_RELAYS_MAX: {
    when: 'relaysMax nodes are spoken to through others',
    stateChanged: 'no; it is noconnection',
    retry: 'when one of them can be dialled again, or is not spoken to any more',
    action: 'let nodes reach each other, or raise relaysMax',
  },
})
