/**
 * What nodes ask each other about global names, as the service `$names`: only the node of a process registers it
 * (NX-D23), so a node that wants to register or unregister a process of another one asks that. Needs the action
 * `call` of the realm's policy: whoever may call a process may as well end it.
 *
 *     register    [name, process, incarnation, contract or null, over, resolver or null, mode, timeoutMs] -> token or null
 *     unregister  name -> as version
 *     version     -> [life, version] of what this node has said
 */
import { GlobalRegistryError } from './errors.ts'

/** Name of the service. */
export const NAMES_SERVICE = '$names'

/** Resolvers that can be named from afar. */
export type NamedResolver = 'exit_name' | 'notify_name' | 'notify_all_name'

/** How a process is to be registered, by its number. */
export interface RegisterRequest {
  readonly name: string
  readonly process: number
  readonly incarnation: number
  readonly contract: string | undefined
  readonly isOver: boolean
  /** Default: that of the node of the process. */
  readonly resolver: NamedResolver | undefined
  readonly mode: 'eventual' | 'strict'
  readonly timeoutMs: number
}

const RESOLVERS: readonly unknown[] = ['exit_name', 'notify_name', 'notify_all_name']
const TIMEOUT_MS_MAX = 2_147_483_647

/** What travels. */
export function requestOf({ contract, resolver, ...request }: RegisterRequest): unknown[] {
  const { name, process, incarnation, isOver, mode, timeoutMs } = request
  return [
    ...[name, process, incarnation, contract ?? null],
    ...[isOver, resolver ?? null, mode, timeoutMs],
  ]
}

/** What a peer asks. Throws `ERR_GLOBAL_REQUEST`. */
export function readRequest(input: unknown): RegisterRequest {
  const [name, process, incarnation, contract, isOver, resolver, mode, timeoutMs] = (
    Array.isArray(input) ? input : []
  ) as unknown[]
  const isContract = contract === null || (typeof contract === 'string' && contract.length <= 256)
  const isFit =
    typeof name === 'string' &&
    isWhole(process) &&
    isWhole(incarnation) &&
    isContract &&
    typeof isOver === 'boolean' &&
    (resolver === null || RESOLVERS.includes(resolver)) &&
    (mode === 'eventual' || mode === 'strict') &&
    isWhole(timeoutMs) &&
    timeoutMs <= TIMEOUT_MS_MAX
  if (!isFit) throw badRequest()
  return {
    ...{ name, process, incarnation, isOver, mode, timeoutMs },
    contract: contract ?? undefined,
    resolver: (resolver ?? undefined) as NamedResolver | undefined,
  }
}

/** The error for what is no request. */
export function badRequest(): GlobalRegistryError {
  return new GlobalRegistryError('ERR_GLOBAL_REQUEST', '?', 'no request of global names')
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
