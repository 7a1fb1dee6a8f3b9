/** Nodes of the local network by multicast DNS: a node says where it is, and proposes whom it hears of its realm. */
import { booleanOption, resolveOptions, stringOption } from '../../runtime/index.ts'
import { Claims } from './claims.ts'
import { MdnsAgent } from './mdns-agent.ts'
import { resolveMdns, type MdnsOptions } from './mdns-options.ts'
import type { NodeWord } from './node-book.ts'
import type { DiscoverySelf, Strategy } from './strategy.ts'

/** Options of {@link mdnsNodes}. */
export interface MdnsNodesOptions extends MdnsOptions {
  /** Default `'mdns'`. */
  readonly name?: string | undefined
  /** Whether this node says where it is. Default true. */
  readonly advertise?: boolean | undefined
}

interface Own {
  readonly name: string
  readonly advertise: boolean
}

/** What a node says of itself under `name`. */
export function ownWord({ key, cluster, address }: DiscoverySelf, name: string): NodeWord {
  const { host, port } = address
  return { key: key.hex, name, cluster, address: { host, port } }
}

/**
 * Finds nodes of the local network.
 *
 * @example
 * await startNode({ realm, discovery: { strategies: [mdnsNodes()] } })
 */
export function mdnsNodes({ name, advertise, ...given }: MdnsNodesOptions = {}): Strategy {
  const settings = resolveMdns('mdnsNodes', given)
  const checks = { name: stringOption, advertise: booleanOption }
  const own = resolveOptions<Own>('mdnsNodes', { name: 'mdns', advertise: true }, checks, {
    ...(name === undefined ? {} : { name }),
    ...(advertise === undefined ? {} : { advertise }),
  })
  return {
    name: own.name,
    start: async (sink, context) => {
      const { self } = context
      const claims = new Claims()
      const claimant = ({ key, name: named }: NodeWord): string => `${key} ${named}`
      const agent = new MdnsAgent({
        ...context,
        settings,
        found: (word) => {
          const { seen } = claims.claim(claimant(word), { ...word.address, name: word.name })
          if (seen.length > 0) sink.seen(seen)
        },
        lost: (word) => {
          const { gone } = claims.release(claimant(word))
          if (gone.length > 0) sink.gone(gone)
        },
        failed: sink.failed,
      })
      if (own.advertise) agent.setOwn([ownWord(self, self.name)])
      await agent.run()
    },
  }
}
