/** Expected failures of supervisors over many nodes, with noex's names and fields, and their catalogue. */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type FoveaErrorOptions,
} from '../../runtime/index.ts'
import type { NodeSelector } from './placement.ts'

/** The selector found no node for a child. */
export class NoAvailableNodeError extends FoveaError {
  override readonly name: string = 'NoAvailableNodeError'
  readonly childId: string
  readonly selector: string
  constructor(childId: string, selector: NodeSelector, options: FoveaErrorOptions = {}) {
    const text = selectorText(selector)
    super('ERR_DSUP_NO_NODE', `no node for child '${childId}' by ${text}`, options)
    this.childId = childId
    this.selector = text
  }
}

/** No node that the selector may choose offers the behaviour. */
export class DistributedBehaviorNotFoundError extends FoveaError {
  override readonly name: string = 'DistributedBehaviorNotFoundError'
  readonly behaviorName: string
  readonly childId: string
  constructor(behaviorName: string, childId: string, options: FoveaErrorOptions = {}) {
    const text = `no node offers '${behaviorName}' for child '${childId}': register it with { remote: true }`
    super('ERR_DSUP_BEHAVIOR_NOT_FOUND', text, options)
    this.behaviorName = behaviorName
    this.childId = childId
  }
}

/** What was asked of a child of a supervisor cannot be; each kind has a class of its own. */
export class DistributedChildError extends FoveaError {
  override readonly name: string = 'DistributedChildError'
  readonly supervisorId: string
  readonly childId: string
  constructor(
    code: string,
    about: { readonly supervisorId: string; readonly childId: string },
    what: string,
    options: FoveaErrorOptions = {},
  ) {
    super(code, what, options)
    this.supervisorId = about.supervisorId
    this.childId = about.childId
  }
}

/** A child of that id is there already. */
export class DistributedDuplicateChildError extends DistributedChildError {
  override readonly name: string = 'DistributedDuplicateChildError'
  constructor(supervisorId: string, childId: string) {
    const what = `${supervisorId} has a child '${childId}' already`
    super('ERR_DSUP_CHILD_DUPLICATE', { supervisorId, childId }, what)
  }
}

/** There is no child of that id. */
export class DistributedChildNotFoundError extends DistributedChildError {
  override readonly name: string = 'DistributedChildNotFoundError'
  constructor(supervisorId: string, childId: string) {
    const what = `${supervisorId} has no child '${childId}'`
    super('ERR_DSUP_CHILD_NOT_FOUND', { supervisorId, childId }, what)
  }
}

/** The child runs, or is about to: it can neither be restarted nor deleted. */
export class DistributedChildRunningError extends DistributedChildError {
  override readonly name: string = 'DistributedChildRunningError'
  constructor(supervisorId: string, childId: string) {
    const what = `child '${childId}' of ${supervisorId} runs`
    super('ERR_DSUP_CHILD_RUNNING', { supervisorId, childId }, what)
  }
}

/** One restart too many; inside the exit reason `{ shutdown }` of the supervisor. */
export class DistributedMaxRestartsExceededError extends FoveaError {
  override readonly name: string = 'DistributedMaxRestartsExceededError'
  readonly supervisorId: string
  readonly maxRestarts: number
  readonly withinMs: number
  constructor(supervisorId: string, maxRestarts: number, withinMs: number) {
    const text = `${supervisorId}: more than ${maxRestarts} restarts within ${withinMs} ms`
    super('ERR_DSUP_MAX_RESTARTS', text)
    this.supervisorId = supervisorId
    this.maxRestarts = maxRestarts
    this.withinMs = withinMs
  }
}

/** What was asked does not go with `simple_one_for_one`, or only with it. */
export class DistributedInvalidSimpleOneForOneError extends FoveaError {
  override readonly name: string = 'DistributedInvalidSimpleOneForOneError'
  readonly reason: string
  constructor(reason: string) {
    super('ERR_DSUP_SIMPLE_ONE_FOR_ONE', `invalid use of simple_one_for_one: ${reason}`)
    this.reason = reason
  }
}

/** `simple_one_for_one` without `childTemplate`. */
export class DistributedMissingChildTemplateError extends FoveaError {
  override readonly name: string = 'DistributedMissingChildTemplateError'
  constructor() {
    super('ERR_DSUP_TEMPLATE_MISSING', "simple_one_for_one needs 'childTemplate'")
  }
}

/** A supervisor, or one of its children, could not be started. */
export class DistributedSupervisorError extends DistributedChildError {
  override readonly name: string = 'DistributedSupervisorError'
  constructor(supervisorId: string, childId: string, cause: unknown) {
    const text = cause instanceof Error ? cause.message : formatReason(cause)
    const what = `${supervisorId}: child '${childId}' did not start: ${text}`
    super('ERR_DSUP_CHILD_START', { supervisorId, childId }, what, { cause })
  }
}

/** A supervisor has `childrenMax` children. */
export class DistributedChildrenMaxError extends FoveaError {
  override readonly name: string = 'DistributedChildrenMaxError'
  readonly supervisorId: string
  readonly childrenMax: number
  constructor(supervisorId: string, childrenMax: number) {
    super('ERR_DSUP_CHILDREN_MAX', `${supervisorId} has ${childrenMax} children`)
    this.supervisorId = supervisorId
    this.childrenMax = childrenMax
  }
}

/** Another run of the child holds its lease: under `strict`, of this supervisor or of one of the same name. */
export class DistributedChildClaimError extends FoveaError {
  override readonly name: string = 'DistributedChildClaimError'
  readonly childId: string
  constructor(childId: string, cause: unknown) {
    super('ERR_DSUP_CHILD_CLAIMED', `the lease of child '${childId}' is held by another run`, {
      cause,
    })
    this.childId = childId
  }
}

/** A child could not be moved with its state. */
export class DistributedHandoffError extends FoveaError {
  override readonly name: string = 'DistributedHandoffError'
  readonly childId: string
  constructor(childId: string, what: string, cause: unknown) {
    super('ERR_DSUP_HANDOFF', `child '${childId}' ${what}`, { cause })
    this.childId = childId
  }
}

/** A node refused to start or stop a child for another one; `code` says why. */
export class HostRefusedError extends FoveaError {
  override readonly name: string = 'HostRefusedError'
  constructor(what: string) {
    super('ERR_DSUP_HOST', what)
  }
}

/** A selector in words. */
export function selectorText(selector: NodeSelector): string {
  if (typeof selector === 'function') return 'its own function'
  return typeof selector === 'string' ? selector : `node ${selector.node}`
}

/** The codes of this folder. */
export const SUPERVISOR_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_DSUP_NO_NODE: {
    when: 'no node is fit for a child of a distributed supervisor: its selector names one that is not there, or all that are there failed',
    stateChanged: 'no; a child that ran before waits for a node',
    retry: 'when nodes are there',
    action: 'look at nodeSelector and at the nodes that are connected',
  },
  ERR_DSUP_BEHAVIOR_NOT_FOUND: {
    when: 'no node that may be chosen offers the behaviour of a child to this node',
    stateChanged: 'no',
    retry: 'after it was registered',
    action: 'register it on the nodes with { remote: true }',
  },
  ERR_DSUP_CHILD_DUPLICATE: {
    when: 'startChild of a distributed supervisor, or its options, with an id that is taken',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another id, or deleteChild first',
  },
  ERR_DSUP_CHILD_NOT_FOUND: {
    when: 'a distributed supervisor has no child of that id',
    stateChanged: 'no',
    retry: 'no',
    action: 'ask getChildren',
  },
  ERR_DSUP_CHILD_RUNNING: {
    when: 'restartChild or deleteChild of a child that runs or waits for its restart',
    stateChanged: 'no',
    retry: 'after terminateChild',
    action: 'call terminateChild first',
  },
  ERR_DSUP_MAX_RESTARTS: {
    when: 'a distributed supervisor restarted more than intensity times within periodMs and ends with { shutdown: error }',
    stateChanged: 'all children are stopped',
    retry: 'whoever supervises it decides',
    action: 'find out why children crash',
  },
  ERR_DSUP_SIMPLE_ONE_FOR_ONE: {
    when: 'a request does not fit the strategy: children, or no arguments, with simple_one_for_one',
    stateChanged: 'no',
    retry: 'no',
    action: 'use childTemplate and startChild with an argument there, specifications elsewhere',
  },
  ERR_DSUP_TEMPLATE_MISSING: {
    when: 'a distributed supervisor was started as simple_one_for_one without childTemplate',
    stateChanged: 'no',
    retry: 'no',
    action: 'give childTemplate',
  },
  ERR_DSUP_CHILD_START: {
    when: 'a child of a distributed supervisor did not start; the cause says why',
    stateChanged: 'what its init did before',
    retry: 'depends on the cause',
    action: 'branch on cause.code',
  },
  ERR_DSUP_CHILDREN_MAX: {
    when: 'a distributed supervisor has childrenMax children',
    stateChanged: 'no',
    retry: 'after children ended',
    action: 'look for children that never end, or raise childrenMax',
  },
  ERR_DSUP_CHILD_CLAIMED: {
    when: 'under strict, the lease of a child was held by another run of it for leaseTimeoutMs',
    stateChanged: 'no; a child that ran before waits, and is tried again',
    retry: 'yes',
    action: 'look for a second supervisor of that name; set leaseTimeoutMs above the TTL of leases',
  },
  ERR_DSUP_HANDOFF: {
    when: 'beginHandoff or endHandoff of a child failed; logged, and counted',
    stateChanged:
      'begin: no, the child stays where it is; end: it runs on its new node without its state',
    retry: 'begin: with the next move',
    action: 'read the cause',
  },
  ERR_DSUP_HOST: {
    when: 'a node asked the host of children for what only their supervisor may ask, or with a message that is none',
    stateChanged: 'no',
    retry: 'no',
    action: 'give all nodes the same version; else the node that asked is hostile',
  },
})
