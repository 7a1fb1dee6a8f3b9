/** `fovea realm create` and `fovea realm issue`: files only, no node needed. */
import {
  createRealm,
  formatMembership,
  formatRealm,
  issueMembership,
  loadRealm,
  nodeKeyFromHex,
} from '../../../mesh/index.ts'
import type { RealmCreateArguments, RealmIssueArguments } from '../command.ts'
import { writeSecretFile } from '../file.ts'
import type { CliIo } from '../io.ts'
import type { Output } from '../output.ts'

const DAY_MS = 86_400_000

/** Makes a realm and writes it to a new file. */
export async function realmCreate(
  options: RealmCreateArguments,
  _io: CliIo,
  out: Output,
): Promise<void> {
  const realm = createRealm(options.name)
  await writeSecretFile(options.out, formatRealm(realm))
  const { publicOut } = options
  if (publicOut !== undefined) {
    await writeSecretFile(publicOut, formatRealm(realm, { includePrivateKey: false }))
  }
  out.result(
    { name: realm.name, id: realm.idHex, file: options.out, publicFile: publicOut },
    `realm ${realm.name} is in ${options.out} (id ${realm.idHex.slice(0, 16)})\n` +
      'keep this file secret: whoever has it can let nodes into the realm',
  )
}

/** Signs the membership of one node. */
export async function realmIssue(
  options: RealmIssueArguments,
  io: CliIo,
  out: Output,
): Promise<void> {
  const realm = await loadRealm(options.realm)
  const membership = issueMembership(realm, nodeKeyFromHex(options.nodeKey), {
    wallNowMs: io.clock.wallNow(),
    validMs: options.validDays * DAY_MS,
  })
  const text = formatMembership(membership)
  if (options.out === undefined) return out.result(JSON.parse(text), text.trimEnd())
  await writeSecretFile(options.out, text)
  const until = new Date(membership.notAfterMs).toISOString()
  out.result(
    { realm: realm.name, nodeKey: options.nodeKey, validUntil: until, file: options.out },
    `membership of ${options.nodeKey.slice(0, 16)} in ${realm.name} is in ${options.out}, valid until ${until}`,
  )
}
