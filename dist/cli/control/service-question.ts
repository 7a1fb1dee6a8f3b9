/** What a command asks of topics and procedures through a running node: the `params` of the control method `services`. */
import { invalid, requiredText, text } from './fields.ts'
import type { Fields } from './fields.ts'

/** See the file header. */
export type ServiceQuestion =
  | {
      readonly action: 'publish'
      readonly topic: string
      readonly payload: unknown
      /** 1 waits for the acknowledgements of all who want it. */
      readonly qos: 0 | 1
      /** Kept as the last value of its topic. */
      readonly retain: boolean
    }
  | { readonly action: 'call'; readonly procedure: string; readonly input: unknown }
  | { readonly action: 'topics' }
  /** Without a name: everything that is known. */
  | { readonly action: 'services'; readonly name: string | undefined }

/** What can be asked. */
export type ServiceAction = ServiceQuestion['action']

/** A procedure that a command offers, and what everybody who calls it gets. */
export interface Offer {
  readonly procedure: string
  readonly reply: unknown
}

const ACTIONS: readonly ServiceAction[] = ['publish', 'call', 'topics', 'services']

/** Reads the parameters; throws `ERR_CONTROL_REQUEST_INVALID` naming the field. */
export function serviceQuestion(params: Fields): ServiceQuestion {
  const action = params['action'] as ServiceAction
  if (!ACTIONS.includes(action)) throw invalid('action', `one of ${ACTIONS.join(', ')}`)
  switch (action) {
    case 'publish': {
      const qos = params['qos'] ?? 0
      if (qos !== 0 && qos !== 1) throw invalid('qos', '0 or 1')
      const retain = params['retain'] ?? false
      if (typeof retain !== 'boolean') throw invalid('retain', 'true or false')
      const topic = requiredText(params, 'topic')
      return { action, topic, payload: params['payload'], qos, retain }
    }
    case 'call':
      return { action, procedure: requiredText(params, 'procedure'), input: params['input'] }
    case 'topics':
      return { action }
    case 'services':
      return { action, name: text(params, 'name') }
  }
}

/** The parameters of the control method `advertise`. */
export function offerOf(params: Fields): Offer {
  return { procedure: requiredText(params, 'procedure'), reply: params['reply'] }
}
