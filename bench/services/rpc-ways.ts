/**
 * Ways to call a function of another program: `mesh.rpc`, a process of another node (`dist`), bare TCP with msgpackr, a
 * bare stream of our transport, and the libraries under `bench/peers/services`. Each serves and calls an echo.
 */
import { pathToFileURL } from 'node:url'
import { startNode } from 'fovea/dist'
import { startMesh } from 'fovea/mesh'
import { Echo, EchoContract } from '../cluster/echo.ts'
import { QuicClient, serveQuic } from '../cluster/quic-peer.ts'
import { serveTcp, TcpClient } from '../cluster/tcp-peer.ts'

/** The side that answers. */
export interface RpcServer {
  /** For the side that calls. */
  readonly address: string
  close(): unknown
}

/** The side that calls. */
export interface RpcClient {
  call(value: unknown): Promise<unknown>
  /** Tells without an answer; undefined where there is no such thing. `seen` says how many the other side has taken. */
  readonly casts?: { cast(value: unknown): boolean; seen(): Promise<number> } | undefined
  close(): unknown
}

/** One way. */
export interface RpcWay {
  serve(realm: string): Promise<RpcServer>
  client(address: string): Promise<RpcClient>
}

const PROCEDURE = 'bench.echo'

const mesh: RpcWay = {
  serve: async (realm) => {
    const node = await startMesh({ name: 'provider', realm, host: '127.0.0.1', port: 0 })
    await node.rpc.advertise(PROCEDURE, (input) => input)
    return {
      address: JSON.stringify({ realm, seed: node.nodeId }),
      close: () => node.stop(),
    }
  },
  client: async (address) => {
    const { realm, seed } = JSON.parse(address) as { realm: string; seed: string }
    const node = await startMesh({
      ...{ name: 'caller', realm, host: '127.0.0.1', port: 0 },
      seeds: [seed],
    })
    await new Promise<void>((resolve) => {
      const { entries } = node.services.watch(() => resolve(), { procedure: PROCEDURE })
      if (entries.length > 0) resolve()
    })
    return { call: (value) => node.rpc.call(PROCEDURE, value), close: () => node.stop() }
  },
}

const tcp: RpcWay = {
  serve: async () => ({ address: String(await serveTcp()), close: () => {} }),
  client: async (address) => {
    const client = await TcpClient.connect(Number(address))
    return { call: (value) => client.call('echo', value), close: () => client.close() }
  },
}

const quic: RpcWay = {
  serve: async () => {
    const endpoint = await serveQuic()
    return { address: JSON.stringify(endpoint.address), close: () => endpoint.close() }
  },
  client: (address) => QuicClient.connect(JSON.parse(address) as { host: string; port: number }),
}

const dist: RpcWay = {
  serve: async (realm) => {
    const node = await startNode({ nodeName: 'server', realm, host: '127.0.0.1', port: 0 })
    node.behaviorRegistry.register('echo', Echo, { remote: true })
    return { address: JSON.stringify({ realm, seed: node.id }), close: () => node.stop() }
  },
  client: async (address) => {
    const { realm, seed } = JSON.parse(address) as { realm: string; seed: string }
    const options = { nodeName: 'client', realm, host: '127.0.0.1', port: 0, seeds: [seed] }
    const node = await startNode(options)
    await node.cluster.waitFor(seed, { timeoutMs: 10_000 })
    const echo = await node.remoteSpawn.spawn(EchoContract, seed)
    return {
      call: (value) => echo.call.echo(value),
      casts: { cast: (value) => echo.cast.put(value), seen: () => echo.call.seen() },
      close: () => node.stop(),
    }
  },
}

/** `mesh`, `dist`, `tcp`, `quic`, or the path of a peer's module. */
export async function rpcWay(name: string): Promise<RpcWay> {
  if (name === 'mesh') return mesh
  if (name === 'dist') return dist
  if (name === 'tcp') return tcp
  if (name === 'quic') return quic
  return (await import(pathToFileURL(name).href)) as RpcWay
}
