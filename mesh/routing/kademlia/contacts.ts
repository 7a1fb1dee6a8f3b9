/**
 * Contacts that others tell: what is plainly wrong is dropped and counted before anybody is asked for it. The
 * rest may still be a lie; it is found out by asking (K11).
 */
import { isLoopbackHost, isWildcardHost } from '../../transport/address.ts'
import type { Contact } from './message.ts'

const PORT_MAX = 65_535

/** What is wrong with contacts that others tell. */
export type ContactRefusal =
  'ERR_DHT_CONTACT_REPEATED' | 'ERR_DHT_CONTACT_ADDRESS' | 'ERR_DHT_CONTACTS_MAX'

/** Who told it, to whom, and what is allowed. */
export interface ContactRules {
  /** This node. */
  readonly selfId: string
  readonly tellerId: string
  /** Address at which the teller was asked. */
  readonly tellerHost: string
  readonly contactsMax: number
  /** The teller was told `contactsMax`; else it went by its own settings. */
  readonly isBounded: boolean
  /** `excused`: an honest node may do it, too. */
  refused(code: ContactRefusal, excused: boolean): void
}

/** True for an address at which somebody can be. */
export function isReachable(host: string, port: number): boolean {
  return (
    host !== '' && !isWildcardHost(host) && Number.isInteger(port) && port > 0 && port <= PORT_MAX
  )
}

/** True for an address that means this very machine, wherever it is told. */
export function isLocal(host: string): boolean {
  return host === 'localhost' || isLoopbackHost(host)
}

/** Those of an answer that may be true, in the order in which they came; the same list if all may. */
export function checkContacts(
  contacts: readonly Contact[],
  rules: ContactRules,
): readonly Contact[] {
  const { selfId, tellerId, contactsMax } = rules
  const tellerIsLocal = isLocal(rules.tellerHost)
  const seen = new Set<string>()
  let checked: Contact[] | undefined
  const count = Math.min(contacts.length, contactsMax)
  for (let n = 0; n < count; n++) {
    const contact = contacts[n]!
    const { id, host, port } = contact
    const isRepeated = id === selfId || id === tellerId || seen.has(id)
    if (!isRepeated && isReachable(host, port) && (tellerIsLocal || !isLocal(host))) {
      seen.add(id)
      checked?.push(contact)
      continue
    }
    // Whoever shares a machine with others knows them by an address that is only good there.
    if (isRepeated) rules.refused('ERR_DHT_CONTACT_REPEATED', false)
    else rules.refused('ERR_DHT_CONTACT_ADDRESS', isReachable(host, port))
    checked ??= contacts.slice(0, n)
  }
  if (contacts.length <= contactsMax) return checked ?? contacts
  rules.refused('ERR_DHT_CONTACTS_MAX', !rules.isBounded)
  return checked ?? contacts.slice(0, contactsMax)
}
