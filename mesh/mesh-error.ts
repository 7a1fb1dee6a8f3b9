/** The error of the composition root, of discovery and of membership. */
import { FoveaError } from '../runtime/index.ts'

/** A mesh cannot start, or an operation on it failed; `code` says which way. */
export class MeshError extends FoveaError {
  override readonly name: string = 'MeshError'
}
