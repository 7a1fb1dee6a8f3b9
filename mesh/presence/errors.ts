/** Errors of presence, and counters of what others said in vain. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Presence was not told, or is not watched; `code` says why. */
export class PresenceError extends FoveaError {
  override readonly name: string = 'PresenceError'
}

const HOSTILE = 'the peer is broken or hostile'

/** Codes of `mesh/presence`. */
export const PRESENCE_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_PRESENCE_KEY_INVALID: {
    when: 'a key is no text of 1 to `keyBytesMax` bytes',
    stateChanged: 'no; nothing is tracked',
    retry: 'no',
    action: 'name who is there by a short id, and put the rest into `meta`',
  },
  ERR_PRESENCE_RESERVED: {
    when: 'a topic begins with `$`: such topics are those of names, groups and other parts of nodes',
    stateChanged: 'no; nothing is tracked or watched',
    retry: 'no',
    action: 'choose another topic',
  },
  ERR_PRESENCE_META_INVALID: {
    when: 'a meta cannot be encoded; the cause says where',
    stateChanged: 'no; an update leaves what was there',
    retry: 'no',
    action: 'make it of what travels',
  },
  ERR_PRESENCE_META_TOO_LARGE: {
    when: 'a meta has more than `metaBytesMax` bytes when encoded',
    stateChanged: 'no; an update leaves what was there',
    retry: 'no',
    action: 'publish what is large, or store it, and name it in the meta',
  },
  ERR_PRESENCE_ENTRIES_MAX: {
    when: 'this node tracks `ownEntriesMax` entries',
    stateChanged: 'no; nothing is tracked',
    retry: 'when others have left',
    action: 'raise `ownEntriesMax` here and `nodeEntriesMax` on all nodes',
  },
  ERR_PRESENCE_WATCHES_MAX: {
    when: 'this node has `watchesMax` watches',
    stateChanged: 'no',
    retry: 'when others are closed',
    action: 'close watches, or raise `watchesMax`',
  },
  ERR_PRESENCE_LEAVES_MAX: {
    when: 'more than `lateLeavesMax` leaves wait in a watch with `leaveDelayMs`; a counter',
    stateChanged: 'no; the oldest is told at once',
    retry: 'by itself',
    action: 'raise it, or take a shorter `leaveDelayMs`',
  },
  ERR_PRESENCE_UNTRACKED: {
    when: 'an update of an entry that was untracked, or whose process has ended',
    stateChanged: 'no',
    retry: 'no',
    action: 'track it again',
  },
  ERR_PRESENCE_PROCESS: {
    when: 'an entry or a watch is given to a process that is not alive in this system',
    stateChanged: 'no',
    retry: 'no',
    action: 'look why it ended',
  },
  ERR_PRESENCE_ABORTED: {
    when: 'the `signal` of a `list` was aborted, its reason is the cause; or the node stopped',
    stateChanged: 'no',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_PRESENCE_MESSAGE_INVALID: {
    when: 'a message of a peer lacks a part, or one is of the wrong kind or out of range',
    stateChanged: 'no; nothing of it is taken',
    retry: 'it is asked again',
    action: HOSTILE,
  },
  ERR_PRESENCE_UNAUTHORIZED: {
    when: 'a peer tells who is there, and the policy of the realm does not let it `publish`',
    stateChanged: 'no',
    retry: 'no',
    action: 'grant it, or look who that is',
  },
  ERR_PRESENCE_UNWANTED: {
    when: 'a peer tells who is there in a topic that nobody watches here',
    stateChanged: 'no; it is told so',
    retry: 'no',
    action: 'nothing while watches come and go',
  },
  ERR_PRESENCE_OUTLIVED: {
    when: 'a message came of a node that is gone, or of an earlier life of it',
    stateChanged: 'no',
    retry: 'it is asked again when it is back',
    action: 'nothing',
  },
  ERR_PRESENCE_FLOOD: {
    when: 'a peer sent more than `messagesPerSecondMax` messages within a second, or asked for more than `answerBytesPerSecondMax` bytes',
    stateChanged: 'no; what is beyond is dropped',
    retry: 'peers ask again, later each time',
    action: 'raise the limits if many entries change at once; else the peer is hostile',
  },
  ERR_PRESENCE_REMOTE_MAX: {
    when: 'a node tells of more than `nodeEntriesMax` entries, or all others of more than `remoteEntriesMax`',
    stateChanged: 'what is beyond is not known here',
    retry: 'when the topic is watched anew',
    action: 'raise the limits, or look who tells so much',
  },
  ERR_PRESENCE_REMOTE_BYTES_MAX: {
    when: 'a node tells of entries of more bytes in a space than are kept of one node, or of all others',
    stateChanged: 'what is beyond is not known here',
    retry: 'when the node says it anew',
    action: 'raise the limits of the part that opened the space, or look who tells so much',
  },
  ERR_PRESENCE_SILENT: {
    when: 'a node was told three times how far this one is, and has not said that it has that; a counter, once until it does',
    stateChanged: 'no; it is told again, later each time',
    retry: 'by itself',
    action: 'look at that node: it hangs, is overloaded, or cannot be reached',
  },
  ERR_PRESENCE_ROSTER_INVALID: {
    when: 'a member says in its statement that it is in something that is no topic of a space; a counter',
    stateChanged: 'no; the rest of what it says counts',
    retry: 'no',
    action: HOSTILE,
  },
  ERR_PRESENCE_HANDLER: {
    when: 'the handler of a watch threw, or what it gave rejected',
    stateChanged: 'no; the watch goes on',
    retry: 'no',
    action: 'correct the handler; the log holds its error',
  },
})
