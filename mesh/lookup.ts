/** Addresses of a host name, from the operating system's resolver; the default of `lookup`. */
import { lookup } from 'node:dns/promises'

/** Every address of `host`, in the resolver's order. */
export async function lookupHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}
