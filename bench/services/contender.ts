/** A way to call another program, with that program: how fast it is, and what it costs both. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { percentile } from '../harness.ts'
import type { RpcReply } from './rpc-program.ts'
import { rpcWay, type RpcClient } from './rpc-ways.ts'

const PROGRAM = fileURLToPath(new URL('./rpc-program.js', import.meta.url))

/** Of one round. */
export interface Figures {
  readonly perSecond: number
  /** Processor time of both programs, per call. */
  readonly microseconds: number
  readonly p50: number
  readonly p99: number
}

/** See the head of this file. */
export class Contender {
  readonly name: string
  readonly client: RpcClient
  readonly #server: ChildProcess

  private constructor(name: string, client: RpcClient, server: ChildProcess) {
    this.name = name
    this.client = client
    this.#server = server
  }

  /** `way` as for `rpcWay`. */
  static async start(name: string, way: string, realmFile: string): Promise<Contender> {
    const server = fork(PROGRAM, [way, realmFile])
    const { address } = await answer(server)
    return new Contender(name, await (await rpcWay(way)).client(address!), server)
  }

  async measure(payload: unknown, inFlight: number, calls: number): Promise<Figures> {
    let left = calls
    const took: number[] = []
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const askedMs = performance.now()
        await this.client.call(payload)
        took.push(performance.now() - askedMs)
      }
    }
    await this.#serverCpu()
    const [before, startedMs] = [process.cpuUsage(), performance.now()]
    await Promise.all(Array.from({ length: inFlight }, worker))
    const seconds = (performance.now() - startedMs) / 1_000
    const { user, system } = process.cpuUsage(before)
    const all = user + system + (await this.#serverCpu())
    return {
      perSecond: calls / seconds,
      microseconds: all / calls,
      p50: percentile(took, 0.5),
      p99: percentile(took, 0.99),
    }
  }

  async stop(): Promise<void> {
    await this.client.close()
    this.#server.kill('SIGKILL')
  }

  async #serverCpu(): Promise<number> {
    const told = answer(this.#server)
    this.#server.send({})
    return (await told).microseconds ?? 0
  }
}

function answer(child: ChildProcess): Promise<RpcReply> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a server ended: ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as RpcReply)
    })
  })
}
