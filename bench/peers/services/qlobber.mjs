/** qlobber as its documentation has it; its `#` is our `**`. See bench/services/matching-side.ts. */
import { Qlobber } from 'qlobber'

export function matcher() {
  const qlobber = new Qlobber()
  return {
    wildcard: { one: '*', any: '#' },
    add: (filter, value) => qlobber.add(filter, value),
    remove: (filter, value) => qlobber.remove(filter, value),
    match: (topic, visit) => {
      for (const value of qlobber.match(topic)) visit(value)
    },
  }
}
