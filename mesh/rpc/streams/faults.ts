/** Faults of streams to errors, and what handlers throw to faults. */
import type { Codec } from '../../wire/codec.ts'
import { CodecError } from '../../wire/errors.ts'
import type { RpcError } from '../errors.ts'
import { errorOf, failureOf } from '../remote-failure.ts'
import type { StreamFault } from './frames.ts'

/** Which stream it was. */
export interface FaultPlace {
  readonly procedure: string
  readonly node: string | undefined
}

/** What a user gets for a fault. */
export function errorOfFault(values: Codec, fault: StreamFault, place: FaultPlace): RpcError {
  const { procedure, node } = place
  return errorOf(fault, detailsOf(values, fault), { procedure, node })
}

/** What travels of something that a handler threw. */
export function faultOfThrown(
  values: Codec,
  thrown: unknown,
  detailsBytesMax: number,
): StreamFault {
  const { failure, details } = failureOf(thrown, values, detailsBytesMax)
  return { ...failure, details }
}

/** They are an extra: what cannot be read is left out. */
function detailsOf(values: Codec, { details }: StreamFault): unknown {
  if (details === undefined || details.length === 0) return undefined
  try {
    return values.decode(details)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}
