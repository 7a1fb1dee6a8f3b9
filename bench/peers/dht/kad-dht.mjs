/**
 * @libp2p/kad-dht as its documentation has it for a local network: TCP, noise, yamux, every node a server,
 * addresses of private networks passed on. The limits that would slow down fifty nodes at one address are
 * lifted. A lookup is `getClosestPeers`; its events tell the queries and the peers that it ends with.
 */
// Node 20 does not have it yet, and libp2p 3 was written for what does.
Promise.withResolvers ??= () => {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const { readFileSync } = await import('node:fs')
const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@chainsafe/libp2p-noise')
const { yamux } = await import('@chainsafe/libp2p-yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { kadDHT, passthroughMapper } = await import('@libp2p/kad-dht')
const { measure, nearest, NODES, settled, sha256 } = await import('./figures.mjs')

const K = 20
const MANY = 10_000
const PATIENCE_MS = 60_000

const { version } = JSON.parse(
  readFileSync(new URL('node_modules/@libp2p/kad-dht/package.json', import.meta.url), 'utf8'),
)

const nodes = []
while (nodes.length < NODES) {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      maxConnections: MANY,
      inboundConnectionThreshold: MANY,
      maxIncomingPendingConnections: MANY,
      dialTimeout: PATIENCE_MS,
      addressDialTimeout: PATIENCE_MS,
      inboundUpgradeTimeout: PATIENCE_MS,
      inboundStreamProtocolNegotiationTimeout: PATIENCE_MS,
      outboundStreamProtocolNegotiationTimeout: PATIENCE_MS,
    },
    // It would close connections of nodes that are busy with the handshakes of the others.
    connectionMonitor: { enabled: false },
    services: {
      identify: identify({ maxInboundStreams: MANY }),
      ping: ping({ maxInboundStreams: MANY }),
      dht: kadDHT({
        protocol: '/side-by-side/kad/1.0.0',
        clientMode: false,
        kBucketSize: K,
        peerInfoMapper: passthroughMapper,
      }),
    },
  })
  const [seed] = nodes
  if (seed !== undefined) await node.dial(seed.getMultiaddrs())
  nodes.push(node)
}
await settled(() => nodes.map(({ services }) => services.dht.routingTable.size), {
  calmMs: 10_000,
  timeoutMs: 120_000,
})

const idOf = ({ peerId }) => sha256(peerId.toMultihash().bytes)

const lookup = async (node, key) => {
  let messages = 0
  const found = []
  for await (const event of node.services.dht.getClosestPeers(key)) {
    if (event.name === 'SEND_QUERY') messages++
    else if (event.name === 'FINAL_PEER') found.push(event.peer.id.toString())
  }
  return { messages, found }
}

const truth = (node, key) => {
  const others = nodes.filter((other) => other !== node)
  return nearest(others, idOf, sha256(key), K).map(({ peerId }) => peerId.toString())
}

const figures = await measure({ name: '@libp2p/kad-dht', version, k: K, nodes, lookup, truth })
console.log(JSON.stringify(figures))
process.exit(0)
