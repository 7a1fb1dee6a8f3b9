import { describe, expect, test } from 'vitest'
import { parseArguments, type Parsed } from '../../../dist/cli/program.ts'

const parse = (line: string, env: Record<string, string> = {}): Parsed =>
  parseArguments(line === '' ? [] : line.split(' '), { version: '9.8.7', env })

const commandOf = (line: string, env?: Record<string, string>): object => {
  const parsed = parse(line, env)
  if (parsed.type !== 'command') throw new Error(`not a command: ${JSON.stringify(parsed)}`)
  return parsed.command
}

const KEY = 'ab'.repeat(32)
const COMMANDS_WITH_EXAMPLES = [
  ...['', 'start', 'join', 'members', 'topology', 'stats', 'events'],
  ...['ping', 'spawn', 'ref call', 'ref monitor', 'dht', 'realm create', 'realm issue', 'demo'],
  ...['publish', 'subscribe', 'call', 'advertise', 'services', 'topics', 'presence'],
]

describe('command lines that mean something', () => {
  test('start takes every flag of the issue, seeds and modules repeated', () => {
    const line =
      'start --name a --host 0.0.0.0 --port 0 --seed b@127.0.0.1:4434 --seed c@[::1]:1 ' +
      '--data-dir d --realm r.json --advertise-host me.example --load x.js --load y.js ' +
      '--cluster blue --preset local --json'
    expect(commandOf(line)).toEqual({
      command: 'start',
      name: 'a',
      host: '0.0.0.0',
      port: 0,
      seeds: ['b@127.0.0.1:4434', 'c@[::1]:1'],
      dataDir: 'd',
      realm: 'r.json',
      advertiseHost: 'me.example',
      cluster: 'blue',
      preset: 'local',
      load: ['x.js', 'y.js'],
      gateway: false,
      healthPort: undefined,
      json: true,
      debug: false,
    })
  })

  test('start without more than a name binds the loopback address and the default port', () => {
    expect(commandOf('start --name a')).toMatchObject({ host: '127.0.0.1', port: 4433, seeds: [] })
  })

  test('start --gateway takes in peers at the edge, and so does a port of its health server', () => {
    expect(commandOf('start --name a --gateway')).toMatchObject({
      gateway: true,
      healthPort: undefined,
    })
    expect(commandOf('start --name a --health-port 0')).toMatchObject({
      gateway: true,
      healthPort: 0,
    })
  })

  test('a procedure is called without input too', () => {
    expect(commandOf('call a.b --data-dir d')).toMatchObject({ procedure: 'a.b', input: undefined })
  })

  test('a call takes JSON input, also a negative number', () => {
    expect(commandOf('ref call hits add -5 --data-dir d')).toEqual({
      command: 'ref call',
      name: 'hits',
      method: 'add',
      input: -5,
      node: undefined,
      repeat: 1,
      timeoutMs: 5000,
      dataDir: 'd',
      json: false,
      debug: false,
    })
    expect(commandOf('ref call hits get --data-dir d')).toMatchObject({ input: undefined })
  })

  test('spawn takes a node, a name, an argument and supervision', () => {
    expect(
      commandOf('spawn counter --node b --name hits --arg {"n":1} --supervised --data-dir d'),
    ).toMatchObject({
      behaviour: 'counter',
      node: 'b',
      name: 'hits',
      arg: { n: 1 },
      supervised: true,
    })
  })

  test.each([
    ['members --data-dir d', { command: 'members', dataDir: 'd' }],
    ['members --watch --data-dir d', { command: 'members', watch: true }],
    ['members --data-dir d', { command: 'members', watch: false }],
    ['join b@h:2 --data-dir d', { command: 'join', address: 'b@h:2', timeoutMs: 10_000 }],
    ['join [::1]:2 --timeout-ms 7 --data-dir d', { address: '[::1]:2', timeoutMs: 7 }],
    ['topology --data-dir d', { command: 'topology', nodesMax: undefined, timeoutMs: 5000 }],
    ['topology --nodes-max 1024 --data-dir d', { nodesMax: 1024 }],
    ['stats --data-dir d --json', { command: 'stats', json: true }],
    [
      'events --data-dir d',
      {
        ...{ command: 'events', follow: false, node: undefined, by: undefined },
        ...{ types: [], last: undefined },
      },
    ],
    [
      'events --follow --node b --by c --type suspect --type down --last 5 --data-dir d',
      { follow: true, node: 'b', by: 'c', types: ['suspect', 'down'], last: 5 },
    ],
    [
      'dht put hello --data-dir d',
      {
        ...{ command: 'dht put', value: 'hello', name: undefined, once: false, timeoutMs: 30_000 },
        ...{ ttlMs: undefined, quorum: undefined, disjointPaths: undefined, alpha: undefined },
      },
    ],
    [
      'dht put x --name n --ttl-ms 9 --quorum 64 --once --disjoint-paths 16 --alpha 64 --data-dir d',
      { name: 'n', ttlMs: 9, quorum: 64, once: true, disjointPaths: 16, alpha: 64 },
    ],
    ['dht get n --publisher b --data-dir d', { command: 'dht get', key: 'n', publisher: 'b' }],
    ['dht provide k --metadata m --data-dir d', { command: 'dht provide', metadata: 'm' }],
    ['dht providers k --count 256 --data-dir d', { command: 'dht providers', count: 256 }],
    [
      'dht withdraw k --data-dir d',
      { command: 'dht withdraw', key: 'k', name: undefined, timeoutMs: 30_000 },
    ],
    ['dht withdraw --name n --data-dir d', { command: 'dht withdraw', key: undefined, name: 'n' }],
    ['dht put x --quorum 0 --data-dir d', { command: 'dht put', quorum: 0 }],
    ['dht table --json --data-dir d', { command: 'dht table', json: true, dataDir: 'd' }],
    ['dht lookup k --data-dir d', { command: 'dht lookup', key: 'k', trace: false }],
    ['dht lookup k --trace --timeout-ms 5 --data-dir d', { trace: true, timeoutMs: 5 }],
    [
      'publish a.b {"n":1} --data-dir d',
      {
        ...{ command: 'publish', topic: 'a.b', payload: { n: 1 }, qos: 0, retain: false },
        ...{ timeoutMs: 10_000, dataDir: 'd' },
      },
    ],
    ['publish a.b null --qos 1 --retain --data-dir d', { payload: null, qos: 1, retain: true }],
    [
      'subscribe a.* --data-dir d',
      { command: 'subscribe', filter: 'a.*', count: undefined, timeoutMs: undefined },
    ],
    ['subscribe a --group g --data-dir d', { filter: 'a', group: 'g' }],
    ['subscribe ** --count 3 --timeout-ms 5 --data-dir d', { count: 3, timeoutMs: 5 }],
    [
      'call a.b [1] --data-dir d',
      { command: 'call', procedure: 'a.b', input: [1], timeoutMs: 5000 },
    ],
    [
      'advertise a.b --reply false --data-dir d',
      { command: 'advertise', procedure: 'a.b', reply: false },
    ],
    ['services --data-dir d', { command: 'services', name: undefined, timeoutMs: 5000 }],
    ['services a.b --timeout-ms 9 --data-dir d', { name: 'a.b', timeoutMs: 9 }],
    [
      'presence a.b --data-dir d',
      { command: 'presence', topic: 'a.b', watch: false, timeoutMs: 2000 },
    ],
    ['presence a.b --watch --timeout-ms 9 --data-dir d', { watch: true, timeoutMs: 9 }],
    [
      'publish a.b 1 --gateway h:1 --gateway g@h:2 --realm r',
      { dataDir: undefined, edge: { gateways: ['h:1', 'g@h:2'], realm: 'r', dataDir: undefined } },
    ],
    [
      'call a.b --gateway h:1 --realm r --data-dir d',
      { dataDir: undefined, edge: { dataDir: 'd' } },
    ],
    ['presence a.b --data-dir d', { dataDir: 'd', edge: undefined }],
    ['topics --data-dir d --json', { command: 'topics', json: true }],
    ['ping b --data-dir d --timeout-ms 50', { command: 'ping', node: 'b', timeoutMs: 50 }],
    ['ref monitor hits --node b --data-dir d', { command: 'ref monitor', name: 'hits', node: 'b' }],
    [
      'realm create com.example --out f',
      { command: 'realm create', name: 'com.example', out: 'f', publicOut: undefined },
    ],
    [`realm issue ${KEY} --realm f`, { command: 'realm issue', nodeKey: KEY, validDays: 365 }],
    ['demo --json --debug', { command: 'demo', json: true, debug: true }],
  ])('%s', (line, expected) => {
    expect(commandOf(line)).toMatchObject(expected)
  })

  test('the data directory and the realm may come from the environment, flags win', () => {
    const env = { FOVEA_DATA_DIR: 'e', FOVEA_REALM: 'r' }
    expect(commandOf('members', env)).toMatchObject({ dataDir: 'e' })
    expect(commandOf('members --data-dir d', env)).toMatchObject({ dataDir: 'd' })
    expect(commandOf('start --name a', env)).toMatchObject({ dataDir: 'e', realm: 'r' })
  })
})

test('a command at the edge takes the realm from the environment, but not the key of a node', () => {
  const env = { FOVEA_DATA_DIR: 'e', FOVEA_REALM: 'r' }
  expect(commandOf('subscribe a --gateway h:1', env)).toMatchObject({
    ...{ dataDir: undefined, edge: { gateways: ['h:1'], realm: 'r', dataDir: undefined } },
  })
  expect(commandOf('subscribe a', env)).toMatchObject({ dataDir: 'e', edge: undefined })
})

describe('command lines that are wrong give a message and a usage line', () => {
  test.each([
    ['', 'a command is missing', 'Usage: fovea'],
    ['ref', 'a command is missing', 'Usage: fovea ref'],
    ['nonsense', "unknown command 'nonsense'", 'Usage: fovea'],
    ['member --data-dir d', 'Did you mean members?', 'Usage: fovea'],
    ['ref nonsense', "unknown command 'nonsense'", 'Usage: fovea ref'],
    ['start', "required option '--name <name>' not specified", 'Usage: fovea start'],
    ['start --name a --nonsense', "unknown option '--nonsense'", 'Usage: fovea start'],
    ['start --name', "option '--name <name>' argument missing", 'Usage: fovea start'],
    ['start --name 1a', 'expected a node name', 'Usage: fovea start'],
    ['start --name a --port 65536', 'expected a whole number from 0 to 65535', 'fovea start'],
    ['start --name a --port x', 'expected a whole number from 0 to 65535', 'fovea start'],
    ['start --name a --seed b', 'expected name@host:port', 'fovea start'],
    ['start --name a --seed b@h', 'expected name@host:port', 'fovea start'],
    ['start --name a --seed b@h:0', 'expected name@host:port', 'fovea start'],
    ['start --name a --seed b@h:65536', 'expected name@host:port', 'fovea start'],
    ['start --name a --seed @h:1', 'expected name@host:port', 'fovea start'],
    ['start --name a --seed b@h/x:1', 'expected name@host:port', 'fovea start'],
    ['start --name a --cluster x/y', 'letters, digits, dots, dashes', 'fovea start'],
    ['start --name a --preset moon', 'expected local (one machine), lan', 'fovea start'],
    ['start --name a extra', 'too many arguments', 'fovea start'],
    ['members', "required option '--data-dir <dir>' not specified", 'fovea members'],
    ['members --watch=x --data-dir d', "unknown option '--watch=x'", 'fovea members'],
    ['join --data-dir d', "missing required argument 'address'", 'Usage: fovea join'],
    ['join b@ --data-dir d', 'expected name@host:port or host:port', 'fovea join'],
    ['join h --data-dir d', 'expected name@host:port or host:port', 'fovea join'],
    ['join h:65536 --data-dir d', 'expected name@host:port or host:port', 'fovea join'],
    ['topology --nodes-max 0 --data-dir d', 'whole number from 1 to 1024', 'fovea topology'],
    ['topology --nodes-max 1025 --data-dir d', 'whole number from 1 to 1024', 'fovea topology'],
    ['stats b --data-dir d', 'too many arguments', 'fovea stats'],
    ['events --type dead --data-dir d', 'expected one of up, suspect, alive', 'fovea events'],
    ['events --last 0 --data-dir d', 'expected a whole number from 1', 'fovea events'],
    ['dht', 'a command is missing', 'Usage: fovea dht'],
    ['dht get --data-dir d', "missing required argument 'key'", 'fovea dht get'],
    ['dht put x --quorum 65 --data-dir d', 'a whole number from 0 to 64', 'fovea dht put'],
    ['dht get k --quorum 0 --data-dir d', 'a whole number from 1 to 64', 'fovea dht get'],
    ['dht withdraw --data-dir d', "takes a key, or '--name <name>'", 'fovea dht withdraw'],
    ['dht withdraw k --name n --data-dir d', 'takes a key, or', 'fovea dht withdraw'],
    ['dht withdraw k --alpha 3 --data-dir d', "unknown option '--alpha'", 'fovea dht withdraw'],
    ['dht table --disjoint-paths 2 --data-dir d', 'unknown option', 'fovea dht table'],
    ['dht providers k --count 257 --data-dir d', 'from 1 to 256', 'fovea dht providers'],
    ['dht lookup k --disjoint-paths 17 --data-dir d', 'from 1 to 16', 'fovea dht lookup'],
    ['dht table', "required option '--data-dir <dir>' not specified", 'fovea dht table'],
    ['publish a --data-dir d', "missing required argument 'json'", 'Usage: fovea publish'],
    ['publish a x --data-dir d', 'expected JSON', 'fovea publish'],
    ['publish a 1 --qos 2 --data-dir d', 'expected 0 (sent once) or 1', 'fovea publish'],
    ['subscribe --data-dir d', "missing required argument 'filter'", 'fovea subscribe'],
    ['subscribe a --count 0 --data-dir d', 'expected a whole number from 1', 'fovea subscribe'],
    ['subscribe a --timeout-ms 0 --data-dir d', 'expected a whole number', 'fovea subscribe'],
    ['call --data-dir d', "missing required argument 'procedure'", 'Usage: fovea call'],
    ['start --name a --health-port 70000', 'expected a whole number', 'Usage: fovea start'],
    ['advertise a.b --data-dir d', "required option '--reply <json>'", 'fovea advertise'],
    ['advertise a.b --reply x --data-dir d', 'expected JSON', 'fovea advertise'],
    ['services a b --data-dir d', 'too many arguments', 'fovea services'],
    ['call a.b', "required option '--data-dir <dir>' not specified, or name", 'fovea call'],
    ['call a.b --gateway h:1', "'--gateway <address>' needs '--realm <file>'", 'fovea call'],
    ['call a.b --gateway h --realm r', 'expected name@host:port or host:port', 'fovea call'],
    ['call a.b --realm r --data-dir d', "'--realm <file>' is for '--gateway", 'fovea call'],
    ['topics --gateway h:1 --data-dir d', "unknown option '--gateway'", 'fovea topics'],
    ['presence --data-dir d', "missing required argument 'topic'", 'Usage: fovea presence'],
    ['subscribe a --group= --data-dir d', 'expected a value that is', 'fovea subscribe'],
    ['topics a --data-dir d', 'too many arguments', 'fovea topics'],
    ['ping --data-dir d', "missing required argument 'node'", 'Usage: fovea ping'],
    ['ping b --data-dir d --timeout-ms 0', 'expected a whole number from 1', 'fovea ping'],
    ['spawn --data-dir d', "missing required argument 'behaviour'", 'fovea spawn'],
    ['spawn counter --arg {x --data-dir d', 'expected JSON', 'fovea spawn'],
    ['spawn counter --supervised --data-dir d', "needs '--name <name>'", 'fovea spawn'],
    ['ref call hits --data-dir d', "missing required argument 'method'", 'fovea ref call'],
    ['ref call hits add x --data-dir d', 'expected JSON', 'fovea ref call'],
    [
      'ref call hits add --repeat 0 --data-dir d',
      'whole number from 1 to 100000',
      'fovea ref call',
    ],
    ['ref call hits add --repeat 100001 --data-dir d', 'from 1 to 100000', 'fovea ref call'],
    ['realm create com.example', "required option '--out <file>'", 'fovea realm create'],
    ['realm issue abc --realm f', 'expected a node key', 'fovea realm issue'],
    ['realm issue', "required option '--realm <file>'", 'fovea realm issue'],
    ['demo --fast', "unknown option '--fast'", 'fovea demo'],
  ])('fovea %s', (line, message, usage) => {
    const parsed = parse(line)
    expect(parsed.type).toBe('usage')
    if (parsed.type !== 'usage') return
    expect(parsed.message).toContain(message)
    expect(parsed.message).not.toMatch(/^error:/)
    expect(parsed.usage).toContain(usage)
  })
})

describe('help', () => {
  test('--version prints the version alone', () => {
    expect(parse('--version')).toEqual({ type: 'shown', text: '9.8.7' })
  })

  test.each([
    '',
    'start',
    'join',
    'members',
    'topology',
    'stats',
    'events',
    'dht',
    'dht put',
    'dht get',
    'dht provide',
    'dht providers',
    'dht withdraw',
    'dht table',
    'dht lookup',
    'publish',
    'subscribe',
    'call',
    'advertise',
    'services',
    'topics',
    'presence',
    'ping',
    'spawn',
    'ref',
    'ref call',
    'ref monitor',
    'realm',
    'realm create',
    'realm issue',
    'demo',
  ])('fovea %s --help shows a usage line within 100 columns', (command) => {
    const parsed = parse(`${command} --help`.trim())
    expect(parsed.type).toBe('shown')
    if (parsed.type !== 'shown') return
    expect(parsed.text).toContain(`Usage: fovea ${command}`.trim())
    expect(Math.max(...parsed.text.split('\n').map((l) => l.length))).toBeLessThanOrEqual(110)
  })

  test.each(COMMANDS_WITH_EXAMPLES)('fovea %s --help breaks its description once', (command) => {
    const parsed = parse(`${command} --help`.trim())
    const [, description = ''] = parsed.type === 'shown' ? parsed.text.split('\n\n') : []
    const lines = description.split('\n')
    expect(lines.length).toBeGreaterThan(0)
    lines.slice(0, -1).forEach((line, index) => {
      const next = lines[index + 1]?.split(' ', 1)[0] ?? ''
      expect(line.length + 1 + next.length, line).toBeGreaterThan(100)
    })
  })

  test.each(COMMANDS_WITH_EXAMPLES)('fovea %s --help has examples', (command) => {
    const parsed = parse(`${command} --help`.trim())
    expect(parsed.type === 'shown' && parsed.text).toContain('Examples:\n  $ fovea ')
  })

  test('every example in the help is a command line that parses', () => {
    for (const command of COMMANDS_WITH_EXAMPLES) {
      const parsed = parse(`${command} --help`.trim())
      const text = parsed.type === 'shown' ? parsed.text : ''
      const examples = [...text.matchAll(/\$ fovea (.+)/g)].map((match) => match[1] ?? '')
      expect(examples.length).toBeGreaterThan(1)
      for (const example of examples)
        expect(parse(example), example).toMatchObject({ type: 'command' })
    }
  })
})

test('JSON is taken 100 deep and no deeper, however deep it is', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  expect(parse(`ref call hits add ${nested(100)} --data-dir d`).type).toBe('command')
  for (const depth of [101, 60_000]) {
    expect(parse(`ref call hits add ${nested(depth)} --data-dir d`)).toMatchObject({
      type: 'usage',
      message: expect.stringContaining('at most 100 deep') as string,
    })
  }
})

test('a number that is none of JavaScript is refused, not sent as null', () => {
  for (const json of ['1e400', '[{"n":-1e400}]']) {
    expect(parse(`publish a ${json} --data-dir d`)).toMatchObject({
      type: 'usage',
      message: expect.stringContaining('numbers up to 1.79e308') as string,
    })
  }
})

test('what is said of a long wrong value is short and says what was expected', () => {
  const parsed = parse(`publish a ${'x'.repeat(100_000)} --data-dir d`)
  expect(parsed.type).toBe('usage')
  if (parsed.type !== 'usage') return
  expect(parsed.message.length).toBeLessThan(420)
  expect(parsed.message).toMatch(/^command-argument value 'xxx.*expected JSON, for example/)
})
