/** What the processes of the DHT share and what outlives their restarts. */
import type { Store } from '../store/store.ts'
import type { Contact, DhtMode } from './kademlia/message.ts'
import type { Recorder } from './recorder.ts'
import type { Router } from './router.ts'

/** Waits for the end of the join. */
export interface JoinWaiter {
  joined(): void
  /** The mesh stops. */
  stopped(): void
}

/** One per node. */
export interface DhtMemory {
  /** The one that runs; undefined while its process is being restarted. */
  router: Router | undefined
  recorder: Recorder | undefined
  /** What this node is now; changes once at most, from client to server. */
  mode: DhtMode
  /** The routing table as of the last event, by id: what a restarted routing process begins with. */
  readonly contacts: Map<string, Contact>
  /** Who waits until this node has joined. */
  readonly waiting: Set<JoinWaiter>
  /** Where records are kept, once it is open. */
  store: Store | undefined
}
