/**
 * Options of a node from variables of the environment. Nothing reads the environment by itself: a program passes it
 * to this function, as the command line does.
 *
 * | variable               | also as                 | value                        |
 * | ---------------------- | ----------------------- | ---------------------------- |
 * | `FOVEA_DIST_PORT`      | `MACULA_DIST_PORT`      | UDP port, 0 for a free one   |
 * | `FOVEA_DISCOVERY_TYPE` | `MACULA_DISCOVERY_TYPE` | `mdns`, `dht` or `both`      |
 * | `FOVEA_AUTO_CLUSTER`   | `MACULA_AUTO_CLUSTER`   | `true`, `false`, `1` or `0`  |
 *
 * The first name wins; an empty variable counts as none.
 */
import { DiscoveryError } from './errors.ts'
import type { DiscoveryKind, DiscoveryOptions } from './options.ts'

/** What the environment says. */
export interface EnvironmentOptions {
  /** UDP port. */
  readonly port?: number
  /** How nodes are found. */
  readonly discovery?: Partial<Pick<DiscoveryOptions, 'kind' | 'autoCluster'>>
}

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The options in `env`; throws `ERR_ENVIRONMENT_INVALID` for a value that no option can have.
 *
 * @example
 * await startNode({ realm, ...nodeOptionsFromEnvironment(process.env) })
 */
export function nodeOptionsFromEnvironment(env: Environment): EnvironmentOptions {
  const port = read(env, 'DIST_PORT', 'a whole number from 0 to 65535', portOf)
  const kind = read(env, 'DISCOVERY_TYPE', 'mdns, dht or both', kindOf)
  const autoCluster = read(env, 'AUTO_CLUSTER', 'true, false, 1 or 0', flagOf)
  const discovery = {
    ...(kind === undefined ? {} : { kind }),
    ...(autoCluster === undefined ? {} : { autoCluster }),
  }
  return {
    ...(port === undefined ? {} : { port }),
    ...(Object.keys(discovery).length === 0 ? {} : { discovery }),
  }
}

function read<T>(
  env: Environment,
  suffix: string,
  expected: string,
  parse: (text: string) => T | undefined,
): T | undefined {
  for (const variable of [`FOVEA_${suffix}`, `MACULA_${suffix}`]) {
    const text = env[variable]?.trim()
    if (text === undefined || text === '') continue
    const value = parse(text)
    if (value !== undefined) return value
    const shown = `'${text.slice(0, 80)}'`
    throw new DiscoveryError(
      'ERR_ENVIRONMENT_INVALID',
      `${variable} must be ${expected}, not ${shown}`,
    )
  }
  return undefined
}

function portOf(text: string): number | undefined {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port < 65_536 ? port : undefined
}

function kindOf(text: string): DiscoveryKind | undefined {
  return text === 'mdns' || text === 'dht' || text === 'both' ? text : undefined
}

function flagOf(text: string): boolean | undefined {
  if (text === 'true' || text === '1') return true
  return text === 'false' || text === '0' ? false : undefined
}
