/** The open scopes of one node, and who hears what others say in them. It outlives the process of groups. */
import type { OpenSpace } from '../../mesh/index.ts'
import type { DistParts } from '../parts.ts'
import { GroupsError } from './errors.ts'
import { LocalScope } from './local-scope.ts'
import type { GroupsOptions } from './options.ts'

const NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/

/** See the head of this file. */
export class ScopeTable {
  readonly #parts: DistParts
  readonly #options: Readonly<GroupsOptions>
  readonly #space: OpenSpace
  readonly #scopes = new Map<string, LocalScope>()
  /** By scope: stops hearing. */
  readonly #heard = new Map<LocalScope, () => void>()
  #failed: ((error: unknown) => void) | undefined
  #isClosed = false

  constructor(parts: DistParts, options: Readonly<GroupsOptions>, space: OpenSpace) {
    this.#parts = parts
    this.#options = options
    this.#space = space
  }

  get size(): number {
    return this.#scopes.size
  }

  sizes(): { readonly own: number; readonly known: number } {
    return this.#space.sizes()
  }

  /** The scope of that name, opened if it is not. */
  open(name: string): LocalScope {
    const known = this.#scopes.get(name)
    if (known !== undefined) return known
    if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
      const what = 'the name is no text of 1 to 64 letters, digits, _ or -'
      throw new GroupsError('ERR_GROUPS_SCOPE_INVALID', String(name).slice(0, 64), what)
    }
    if (this.#isClosed) throw new GroupsError('ERR_GROUPS_NO_SCOPE', name, 'the node stopped')
    const { scopesMax } = this.#options
    if (this.#scopes.size >= scopesMax) {
      throw new GroupsError('ERR_GROUPS_SCOPES_MAX', name, `there are ${scopesMax} scopes`)
    }
    const scope = new LocalScope(name, {
      ...{ parts: this.#parts, options: this.#options, topic: this.#space.hold(name) },
      ownSize: () => this.#space.sizes().own,
      closed: (closed) => this.#closed(closed),
    })
    this.#scopes.set(name, scope)
    if (this.#failed !== undefined) this.#heard.set(scope, scope.listen(this.#failed))
    return scope
  }

  /** Hears what others say in all scopes, also in those that are opened later, until what this gives is called. */
  listen(failed: (error: unknown) => void): () => void {
    this.#failed = failed
    for (const scope of this.#scopes.values()) this.#heard.set(scope, scope.listen(failed))
    return () => {
      if (this.#failed !== failed) return
      this.#failed = undefined
      for (const off of this.#heard.values()) off()
      this.#heard.clear()
    }
  }

  /** The node has stopped. */
  close(): void {
    this.#isClosed = true
    for (const scope of Array.from(this.#scopes.values())) scope.close()
  }

  #closed(scope: LocalScope): void {
    this.#scopes.delete(scope.name)
    this.#heard.get(scope)?.()
    this.#heard.delete(scope)
  }
}
