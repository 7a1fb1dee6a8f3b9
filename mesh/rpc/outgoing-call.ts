/** A call of this node, from the moment it is made until it has ended. */
import type { Appointment } from './agenda.ts'
import type { Attempt, AttemptAnswer } from './attempt.ts'
import type { CallRequest } from './call-request.ts'
import type { RpcError } from './errors.ts'
import type { Route } from './routes.ts'

/** What the caller knows about it. */
export class OutgoingCall {
  readonly request: CallRequest
  route: Route
  /** Under way; two at most, when it is hedged. */
  readonly attempts: Attempt<OutgoingCall>[] = []
  /** Nodes that were asked; few, so a set would cost more. */
  readonly asked: string[] = []
  /** Among the calls under way. */
  place = -1
  /** Among those of the process that made it. */
  placeAtOwner = -1
  /** Attempts made. */
  made = 0
  lastNode: string | undefined
  /** What the last provider that refused has said. */
  lastFailure: Extract<AttemptAnswer, { type: 'failure' }> | undefined
  /** Providers were looked for. */
  isSought = false
  /** Those that were asked may be asked again. */
  mayRepeat = false
  /** Its throttle has let it through. */
  isAdmitted = false
  /** It ends when its attempts have, with this. */
  givenUp: RpcError | undefined
  isOver = false
  deadline: Appointment | undefined
  pause: Appointment | undefined
  hedge: Appointment | undefined

  constructor(request: CallRequest, route: Route) {
    this.request = request
    this.route = route
  }
}
