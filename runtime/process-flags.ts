/** The bits of `ProcessCell.flags`; in their own file because mailbox and scheduler need them too. */

/** In the run queue. */
export const QUEUED = 1
/** An async handler is not settled, or a plain process does not receive. */
export const BUSY = 2
/** Ended; set before anything else happens. */
export const DEAD = 4
/** Exit signals become messages. */
export const TRAPPING = 8
