/**
 * The tests that a mutant of the cores must not survive: those of the cores themselves, without the slow
 * ones (heaps, large numbers).
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

const CHOSEN = {
  'test/runtime':
    /^(conformance-.*|signal|signals\.prop|links|remote|stopper|spawn|system|observe|mailbox-policy|receive)\.test\.ts$/,
  'test/behaviours':
    /^(conformance-(gen-server|supervisor|supervisor-simple|dynamic-supervisor|gen-statem)|supervis.*|server-loop|gen|gen-signals|gen-statem|define-server|message-server|contract|process-operations|restart-.*|mailbox-policy|bad-input|schema|gen-statem\.prop)\.test\.ts$/,
}

/** Those among them that are about large numbers. */
export const SLOW = /hundred thousand|ten thousand|20,000|1000 children|^many children/

/** Their paths under `root`. */
export function testsIn(root) {
  return Object.entries(CHOSEN).flatMap(([folder, names]) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => names.test(basename(name)))
      .sort()
      .map((name) => join(root, folder, name)),
  )
}
