/** Serves a contract: one advertisement for each of its methods, all or none. */
import { isRef } from '../../../behaviours/index.ts'
import type { Contract, Ref, StandardSchema } from '../../../behaviours/index.ts'
import { isPid } from '../../../runtime/index.ts'
import type { System } from '../../../runtime/index.ts'
import { RpcError } from '../errors.ts'
import type { Advertisement, AdvertiseOptions, CallContext, Rpc, RpcHandler } from '../rpc.ts'
import { methodsOf } from './contract.ts'
import type {
  ContractHandlers,
  ContractMethod,
  ContractService,
  ContractTarget,
  ServeOptions,
} from './contract.ts'

type Handlers = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>

/** With a function for each method. */
export function serveContract<P>(
  rpc: Pick<Rpc, 'advertise'>,
  system: System,
  contract: Contract<P>,
  handlers: ContractHandlers<P>,
  options?: ServeOptions,
): Promise<ContractService>
/** By a process that speaks it. */
export function serveContract<P>(
  rpc: Pick<Rpc, 'advertise'>,
  system: System,
  contract: Contract<P>,
  target: ContractTarget<P>,
  options?: ServeOptions,
): Promise<ContractService>
/** See the head of this file. */
export async function serveContract<P>(
  rpc: Pick<Rpc, 'advertise'>,
  system: System,
  contract: Contract<P>,
  target: ContractTarget<P>,
  options: ServeOptions = {},
): Promise<ContractService> {
  const methods = methodsOf(contract as Contract<unknown>)
  const handlers = methods.map((method) => handlerOf(contract.name, method, target))
  const advertised: Advertisement[] = []
  const unadvertise = (): boolean => {
    release()
    return advertised.map((each) => each.unadvertise()).includes(true)
  }
  let release = (): void => {}
  // All of them are made in this turn, so that they belong to the process that serves.
  const made = await Promise.allSettled(
    methods.map(({ procedure, slot }, at) =>
      rpc.advertise(procedure, handlers[at]!, optionsOf(options, slot, target)),
    ),
  )
  for (const each of made) if (each.status === 'fulfilled') advertised.push(each.value)
  const failed = made.find((each) => each.status === 'rejected')
  if (failed !== undefined) {
    unadvertise()
    throw failed.reason
  }
  if (isRef(target)) release = system.watch(target.pid, () => void unadvertise())
  return {
    contract: contract.name,
    procedures: advertised.map(({ procedure }) => procedure),
    unadvertise,
    drain: async () => {
      release()
      await Promise.all(advertised.map((each) => each.drain()))
    },
  }
}

/** A process checks its inputs itself; checking them twice would transform them twice. */
function optionsOf(options: ServeOptions, slot: unknown, target: unknown): AdvertiseOptions {
  return slot === true || isRef(target) ? options : { ...options, input: slot as StandardSchema }
}

function handlerOf(
  contractName: string,
  { half, name, procedure }: ContractMethod,
  target: unknown,
): RpcHandler {
  if (isRef(target)) return asking(target, half, name)
  const given = (target ?? {}) as Handlers
  const handlers = Object.hasOwn(given, half) ? given[half] : undefined
  const handler =
    handlers !== undefined && Object.hasOwn(handlers, name) ? handlers[name] : undefined
  if (typeof handler === 'function') {
    return (input, context) => (handler as RpcHandler)(input, context)
  }
  const expected = isPid(target) ? `a ref: contract.at(pid)` : `a function '${half}.${name}'`
  const message = `contract '${contractName}': what serves it must have ${expected}`
  throw new RpcError('ERR_RPC_PROCEDURE_INVALID', message, { procedure })
}

function asking(ref: Ref<unknown>, half: 'call' | 'cast', name: string): RpcHandler {
  const methods = ref[half] as Readonly<Record<string, (...given: unknown[]) => unknown>>
  if (half === 'cast') return (input) => void methods[name]?.(input)
  return (input, { deadlineMs, signal }: CallContext) =>
    methods[name]?.(input, { timeoutMs: deadlineMs, signal })
}
