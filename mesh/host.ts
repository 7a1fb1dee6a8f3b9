/**
 * Names and hosts of nodes as they are advertised: what a peer may call itself, and which address
 * this node gives out. Never 127.0.0.1 by accident: a node that advertises a loopback address is
 * unreachable for every other machine and nobody sees why (ML44, noex 2.8).
 */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { MeshError } from './mesh-error.ts'

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
const HOST_NAME_PATTERN =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/

/** True for the name part of a node id: a letter, then letters, digits, `_`, `-`; 64 at most. */
export function isNodeName(name: unknown): name is string {
  return typeof name === 'string' && NAME_PATTERN.test(name)
}

const CLUSTER_PATTERN = /^[A-Za-z0-9._-]{1,64}$/

/** True for the name of a cluster: 1 to 64 letters, digits, `.`, `_`, `-`. */
export function isClusterName(name: unknown): name is string {
  return typeof name === 'string' && CLUSTER_PATTERN.test(name)
}

/** True for an IP address or a host name. */
export function isHost(host: unknown): host is string {
  if (typeof host !== 'string') return false
  return (isIP(host) !== 0 && !host.includes('%')) || HOST_NAME_PATTERN.test(host)
}

/** One address of this machine, as `os.networkInterfaces()` gives it. */
export interface InterfaceAddress {
  readonly address: string
  readonly family: string
  readonly internal: boolean
}

/** Every address of this machine. */
export function machineAddresses(): InterfaceAddress[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
}

/**
 * The host that others dial: `advertiseHost` if given, the bound host if it is one address, else the
 * first IPv4 address of this machine that is not internal.
 */
export function chooseAdvertiseHost(
  host: string,
  advertiseHost: string | undefined,
  addresses: () => readonly InterfaceAddress[] = machineAddresses,
): string {
  if (advertiseHost !== undefined) return advertiseHost
  if (host !== '0.0.0.0' && host !== '::') return host
  const found = addresses().find(({ family, internal }) => family === 'IPv4' && !internal)
  if (found !== undefined) return found.address
  throw new MeshError(
    'ERR_ADVERTISE_HOST_REQUIRED',
    `host '${host}' means every address of this machine and it has none that others can reach; ` +
      `set advertiseHost to the address that other nodes dial`,
  )
}
