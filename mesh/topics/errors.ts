/** What topics and filters are refused for. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** A text is no topic, or no filter; `code` says which, the message what is wrong with it. */
export class TopicError extends FoveaError {
  override readonly name: string = 'TopicError'
}

/** Codes of `mesh/topics`. */
export const TOPIC_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_TOPIC_INVALID: {
    when: 'a topic is no text, has an empty segment, a wildcard, a space or a control character',
    stateChanged: 'no',
    retry: 'no',
    action:
      'correct the topic: segments of visible characters joined by dots; wildcards are for filters',
  },
  ERR_TOPIC_TOO_LONG: {
    when: 'a topic or filter is longer than `topicBytesMax` or has more than `segmentsMax` segments',
    stateChanged: 'no',
    retry: 'no',
    action: 'put into the payload what does not name anything',
  },
  ERR_FILTER_INVALID: {
    when: 'a filter is no text, has an empty segment, a space or a control character, or a wildcard that is not a whole segment',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the filter: `*` stands for one segment, `**` for any number of them',
  },
  ERR_FILTER_WILDCARDS_MAX: {
    when: 'a filter has more than `deepWildcardsMax` segments `**`',
    stateChanged: 'no',
    retry: 'no',
    action: 'say less exactly what is wanted, and look at the topic of what comes',
  },
})
