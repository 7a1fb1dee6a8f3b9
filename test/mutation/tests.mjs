/**
 * The tests that a mutant of the cores must not survive: those of the cores themselves, without the slow
 * ones (heaps, large numbers).
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

const CHOSEN = {
  'test/runtime':
    /^(conformance-.*|signal|signals\.prop|links|remote|stopper|spawn|system|observe|mailbox-policy|receive)\.test\.ts$/,
  'test/runtime/table': /^table\.test\.ts$/,
  'test/behaviours': /^(mailbox-policy|bad-input)\.test\.ts$/,
  'test/behaviours/server':
    /^(conformance-gen-server|server-loop|gen|gen-signals|define-server|message-server|contract|process-operations|schema)\.test\.ts$/,
  'test/behaviours/statem': /\.test\.ts$/,
  'test/behaviours/supervisor': /\.test\.ts$/,
}

/** Those among them that are about large numbers. */
export const SLOW = /thousand|million|20,000|1000 children|^many children|^selection many values/

/** Their paths under `root`. */
export function testsIn(root) {
  return Object.entries(CHOSEN).flatMap(([folder, names]) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => names.test(basename(name)))
      .sort()
      .map((name) => join(root, folder, name)),
  )
}
