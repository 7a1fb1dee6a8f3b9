/** The bits of `ProcessCell.flags`; in their own file because mailbox and scheduler need them too. */

/** In the run queue. */
export const QUEUED = 1
/** An async handler is not settled, or a plain process does not receive. */
export const BUSY = 2
/** Ended; set before anything else happens. */
export const DEAD = 4
/** Exit signals become messages. */
export const TRAPPING = 8
/** Handles nothing but sys requests, stop requests and its parent's EXIT; see suspension.ts. */
export const SUSPENDED = 16
/** Somebody traces or measures it: the scheduler serves it on the instrumented path, see observe.ts. */
export const OBSERVED = 32
/** A full mailbox lets its oldest user message go for a new one. */
export const DROPS_OLDEST = 64
/** A full mailbox swallows what arrives; its sender is not told. */
export const DROPS_NEWEST = 128
/** A receive looks through the queues: nothing may be taken out of them meanwhile. */
export const SCANNING = 256
