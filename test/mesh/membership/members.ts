/** Members as test data. */
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Member, MemberState } from '../../../mesh/membership/membership.ts'

/** Node `n<n>` at `10.0.0.<n>`. */
export function memberOf(n: number, state: MemberState, more: Partial<Member> = {}): Member {
  return {
    key: nodeKeyFromBytes(new Uint8Array(32).fill(n)),
    nodeId: `n${n}@10.0.0.${n}:4433`,
    address: { host: `10.0.0.${n}`, port: 4433 },
    incarnation: { generation: 1, counter: 0 },
    state,
    metadata: {},
    sinceMs: 0,
    ...more,
  }
}
