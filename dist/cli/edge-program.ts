/** How commands say where their node is: a running one by its data directory, or a gateway at whose edge they are peers. */
import type { EdgeClientArguments } from './command.ts'

/** What the flags `--data-dir`, `--gateway` and `--realm` say. */
export interface ReachFlags {
  readonly dataDir: string | undefined
  /** True when it was typed, not taken from the environment. */
  readonly isDataDirTyped: boolean
  readonly gateways: readonly string[]
  readonly realm: string | undefined
  readonly isRealmTyped: boolean
}

/** Where the node is, or what is wrong with the flags together. */
export function reachOf(
  flags: ReachFlags,
): Pick<EdgeClientArguments, 'dataDir' | 'edge'> | { readonly problem: string } {
  const { dataDir, isDataDirTyped, gateways, realm, isRealmTyped } = flags
  if (gateways.length === 0) {
    if (isRealmTyped) return { problem: "option '--realm <file>' is for '--gateway <address>'" }
    if (dataDir !== undefined) return { dataDir, edge: undefined }
    const instead = "or name a gateway with '--gateway <address>'"
    return { problem: `required option '--data-dir <dir>' not specified, ${instead}` }
  }
  if (realm === undefined) {
    return { problem: "option '--gateway <address>' needs '--realm <file>'" }
  }
  // That of the environment belongs to the running node, whose key is not this command's.
  const keyDir = isDataDirTyped ? dataDir : undefined
  return { dataDir: undefined, edge: { gateways, realm, dataDir: keyDir } }
}
