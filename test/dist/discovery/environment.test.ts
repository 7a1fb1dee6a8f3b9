import { describe, expect, it } from 'vitest'
import { parseArguments } from '../../../dist/cli/program.ts'
import { nodeOptionsFromEnvironment } from '../../../dist/discovery/environment.ts'

describe('nodeOptionsFromEnvironment', () => {
  it.each([
    [{}, {}],
    [{ FOVEA_DIST_PORT: '', FOVEA_AUTO_CLUSTER: ' ' }, {}],
    [{ FOVEA_DIST_PORT: '0' }, { port: 0 }],
    [{ FOVEA_DIST_PORT: '65535' }, { port: 65_535 }],
    [{ MACULA_DIST_PORT: '4433' }, { port: 4_433 }],
    [{ FOVEA_DIST_PORT: '1', MACULA_DIST_PORT: '2' }, { port: 1 }],
    [{ FOVEA_DISCOVERY_TYPE: 'mdns' }, { discovery: { kind: 'mdns' } }],
    [{ MACULA_DISCOVERY_TYPE: 'dht' }, { discovery: { kind: 'dht' } }],
    [
      { FOVEA_DISCOVERY_TYPE: 'both', FOVEA_AUTO_CLUSTER: 'true' },
      { discovery: { kind: 'both', autoCluster: true } },
    ],
    [{ MACULA_AUTO_CLUSTER: '0' }, { discovery: { autoCluster: false } }],
  ])('reads %j', (env, options) => {
    expect(nodeOptionsFromEnvironment(env)).toEqual(options)
  })

  it.each([
    { FOVEA_DIST_PORT: '65536' },
    { FOVEA_DIST_PORT: '4433x' },
    { MACULA_DIST_PORT: '-1' },
    { FOVEA_DISCOVERY_TYPE: 'MDNS' },
    { MACULA_AUTO_CLUSTER: 'yes' },
  ])('refuses %j, and names the variable', (env) => {
    expect(() => nodeOptionsFromEnvironment(env)).toThrow(
      expect.objectContaining({
        code: 'ERR_ENVIRONMENT_INVALID',
        message: expect.stringContaining(Object.keys(env)[0]!),
      }),
    )
  })
})

describe('fovea start', () => {
  const parse = (line: string, env: Readonly<Record<string, string>> = {}) =>
    parseArguments(line.split(' '), { version: '0.0.0', env })

  it('takes how nodes are found as a flag', () => {
    const command = { command: 'start', discovery: 'mdns' }
    expect(parse('start --name a --discovery mdns')).toMatchObject({ type: 'command', command })
    expect(parse('start --name a --discovery wifi')).toMatchObject({
      type: 'usage',
      message: expect.stringContaining('expected mdns'),
    })
  })

  it('takes the port of the environment, unless it is given', () => {
    const env = { FOVEA_DIST_PORT: '7' }
    expect(parse('start --name a', env)).toMatchObject({ command: { port: 7 } })
    expect(parse('start --name a --port 8', env)).toMatchObject({ command: { port: 8 } })
    expect(parse('start --name a', { FOVEA_DIST_PORT: 'x' })).toMatchObject({
      command: { port: 4_433 },
    })
  })
})
