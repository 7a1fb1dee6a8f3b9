/** The server that remote calls are measured against. */
import { contract, implement, noreply, reply, type Contract, type Server } from 'fovea'

export interface EchoApi {
  call: { echo(value: unknown): unknown; seen(): number }
  cast: { put(value: unknown): void }
}

export const EchoContract: Contract<EchoApi> = contract('bench-echo/1', {
  call: { echo: true, seen: true },
  cast: { put: true },
})

export const Echo: Server<EchoApi, void> = implement(EchoContract, {
  init: () => 0,
  call: { echo: (n, value) => reply(value, n), seen: (n) => reply(n, n) },
  cast: { put: (n) => noreply(n + 1) },
})
