/**
 * The process of groups. It owns what is heard of others in all scopes, and the crashes; what is known outlives it. A
 * restarted one reads all that is known and goes on.
 */
import { contract, implement, noreply, type Contract, type Server } from '../../behaviours/index.ts'
import type { ScopeTable } from './scope-table.ts'

interface GroupsApi {
  call: {}
  cast: {
    /** Something threw where it was heard. */
    failed(error: unknown): void
  }
}

const GroupsContract: Contract<GroupsApi> = contract('fovea.groups/1', {
  call: {},
  cast: { failed: true },
})

/** Listens until it ends. */
export const GroupsServer: Server<GroupsApi, ScopeTable> = implement<
  GroupsApi,
  ScopeTable,
  ScopeTable
>(GroupsContract, {
  init: (scopes, { signal, self }) => {
    const off = scopes.listen((error) => void self.cast.failed(error))
    signal.addEventListener('abort', off)
    return scopes
  },
  call: {},
  cast: {
    failed: (_scopes, error) => {
      throw error
    },
  },
  info: (scopes) => noreply(scopes),
})
