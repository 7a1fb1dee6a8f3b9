/**
 * What people get wrong at the command line: each a clear line with a stable code, an exit code, and
 * never a stack trace; a node goes on serving the others whatever arrives at its port.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Bench, type Ended } from './cli-process.ts'

let bench: Bench
let sockets: Socket[]
beforeEach(async () => {
  bench = await Bench.open()
  sockets = []
})
afterEach(async () => {
  for (const socket of sockets) socket.close()
  await bench.close()
})

/** One line `ERR_CODE: message`, perhaps one hint line, exit code 1, no stack trace. */
function expectFailure(ended: Ended, code: string): void {
  expect(ended.stderr).toMatch(new RegExp(`^${code}: \\S`))
  expect(ended.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
  expect(ended.stderr).not.toMatch(/\n\s+at /)
  expect(ended).toMatchObject({ code: 1, stdout: '' })
}

async function udpSocket(
  onMessage: (socket: Socket, bytes: Buffer, port: number) => void,
): Promise<number> {
  const socket = createSocket('udp4')
  sockets.push(socket)
  socket.on('message', (bytes, from) => onMessage(socket, bytes, from.port))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket.address().port
}

describe('wrong arguments: message, usage, exit code 2', () => {
  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [[], 'a command is missing'],
    [['start', '--name', 'a', '--nonsense'], "unknown option '--nonsense'"],
    [['start', '--name', 'a', '--seed', 'nowhere'], 'expected name@host:port'],
  ])('fovea %j', async (args, message) => {
    const ended = await bench.run(args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(message)
    expect(ended.stderr).toContain('Usage: fovea')
    expect(ended.stderr).not.toMatch(/\n\s+at /)
  })

  test('with --json the mistake is one JSON object on standard error', async () => {
    const ended = await bench.run(['start', '--json', '--nonsense'])
    expect(ended.code).toBe(2)
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'ERR_CLI_USAGE' } })
  })

  test('--version and --help are answers: exit code 0, standard output', async () => {
    const version = await bench.run(['--version'])
    expect(version).toMatchObject({ code: 0, stderr: '' })
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+/)
    const help = await bench.run(['start', '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('Examples:')
  })
})

describe('realm files', () => {
  test('create writes a file only its owner reads, and refuses to overwrite it', async () => {
    const file = bench.path('realm.json')
    const created = await bench.ask(['realm', 'create', 'x.y', '--out', file])
    expect(created).toMatchObject({ name: 'x.y', file })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const before = await readFile(file, 'utf8')
    expectFailure(await bench.run(['realm', 'create', 'x.y', '--out', file]), 'ERR_FILE_EXISTS')
    expect(await readFile(file, 'utf8')).toBe(before)
  })

  test('create into a directory that does not exist is ERR_FILE_WRITE', async () => {
    const ended = await bench.run(['realm', 'create', 'x.y', '--out', bench.path('no/where')])
    expectFailure(ended, 'ERR_FILE_WRITE')
  })

  test('create with a name that is no realm name is refused with its code', async () => {
    const ended = await bench.run(['realm', 'create', 'not a name', '--out', bench.path('r')])
    expectFailure(ended, 'ERR_REALM_[A-Z_]+')
  })

  test('issue signs a membership for a key', async () => {
    const realm = await bench.realm()
    const out = bench.path('membership.json')
    const key = 'ab'.repeat(32)
    const issued = await bench.ask(['realm', 'issue', key, '--realm', realm, '--out', out])
    expect(issued).toMatchObject({ nodeKey: key, file: out })
    expect((await stat(out)).mode & 0o777).toBe(0o600)
    const ended = await bench.run(['realm', 'issue', key, '--realm', realm, '--out', out])
    expectFailure(ended, 'ERR_FILE_EXISTS')
  })
})

describe('a realm whose authority key stays in one place', () => {
  test('a node with the public file says its key, and starts once it has a membership', async () => {
    const [secret, open] = [bench.path('secret.json'), bench.path('public.json')]
    await bench.ask(['realm', 'create', 'x.y', '--out', secret, '--public-out', open])
    expect(await readFile(open, 'utf8')).not.toContain('PRIVATE')
    const args = ['start', '--name', 'a', '--port', '0', '--data-dir', bench.path('a')]
    const refused = await bench.run([...args, '--realm', open])
    expectFailure(refused, 'ERR_MEMBERSHIP_REQUIRED')
    const key = /\b[0-9a-f]{64}\b/.exec(refused.stderr)?.[0] ?? ''
    const out = bench.path('a/membership.json')
    await bench.ask(['realm', 'issue', key, '--realm', secret, '--out', out])
    const member = await bench.node('a', open)
    const founder = await bench.node('b', secret, ['--seed', member.id])
    expect(await member.process.event('node_up')).toMatchObject({ node: founder.id })
  }, 20_000)
})

describe('a node that cannot start says why: one line, exit code 1', () => {
  const start = (...flags: string[]): Promise<Ended> =>
    bench.run(['start', '--name', 'x', '--port', '0', ...flags])

  test('without a realm: ERR_REALM_REQUIRED and how to make one', async () => {
    const ended = await start('--data-dir', bench.path('x'))
    expectFailure(ended, 'ERR_REALM_REQUIRED')
    expect(ended.stderr).toContain('fovea realm create')
  })

  test('with a realm file that is missing, or is something else', async () => {
    const dir = bench.path('x')
    expectFailure(await start('--data-dir', dir, '--realm', bench.path('no')), 'ERR_REALM_[A-Z_]+')
    await writeFile(bench.path('other'), '{"hello":1}')
    expectFailure(
      await start('--data-dir', dir, '--realm', bench.path('other')),
      'ERR_REALM_[A-Z_]+',
    )
  })

  test('on a busy port: ERR_TRANSPORT_PORT_BUSY, naming the port', async () => {
    const realm = await bench.realm()
    const port = String(await udpSocket(() => {}))
    const ended = await bench.run([
      'start',
      '--name',
      'x',
      '--port',
      port,
      '--data-dir',
      bench.path('x'),
      '--realm',
      realm,
    ])
    expectFailure(ended, 'ERR_TRANSPORT_PORT_BUSY')
    expect(ended.stderr).toContain(port)
  })

  test.each(['203.0.113.7', 'no.such.host.invalid', 'not an address'])(
    'on host %j',
    async (host) => {
      const realm = await bench.realm()
      const ended = await start('--data-dir', bench.path('x'), '--realm', realm, '--host', host)
      expectFailure(ended, 'ERR_[A-Z_]+')
    },
  )

  test('in a data directory of another realm: ERR_DATA_DIR_FOREIGN', async () => {
    const first = await bench.node('a', await bench.realm())
    first.process.kill('SIGTERM')
    await first.process.ended
    const other = await bench.realm('other.json')
    expectFailure(
      await start('--data-dir', first.dataDir, '--realm', other),
      'ERR_DATA_DIR_FOREIGN',
    )
  })

  test('in a data directory that is in use: ERR_DATA_DIR_LOCKED, and the first goes on', async () => {
    const realm = await bench.realm()
    const first = await bench.node('a', realm)
    expectFailure(await start('--data-dir', first.dataDir, '--realm', realm), 'ERR_DATA_DIR_LOCKED')
    expect(await bench.ask(['members', '--data-dir', first.dataDir])).toHaveLength(1)
  })

  test('in a data directory that is a file, or that holds no readable key', async () => {
    const realm = await bench.realm()
    await writeFile(bench.path('file'), '')
    expectFailure(
      await start('--data-dir', bench.path('file'), '--realm', realm),
      'ERR_DATA_DIR_[A-Z]+',
    )
    await mkdir(bench.path('bad'), { mode: 0o700 })
    await writeFile(bench.path('bad/node.key'), 'garbage', { mode: 0o600 })
    expectFailure(
      await start('--data-dir', bench.path('bad'), '--realm', realm),
      'ERR_DATA_DIR_[A-Z]+',
    )
  })

  test('with a module that cannot be loaded: ERR_LOAD_FAILED', async () => {
    const realm = await bench.realm()
    const flags = ['--data-dir', bench.path('x'), '--realm', realm]
    expectFailure(await start(...flags, '--load', bench.path('no.mjs')), 'ERR_LOAD_FAILED')
    await writeFile(bench.path('empty.mjs'), 'export const nothing = 1')
    expectFailure(await start(...flags, '--load', bench.path('empty.mjs')), 'ERR_LOAD_FAILED')
    await writeFile(
      bench.path('throws.mjs'),
      'export function register() { throw new Error("no") }',
    )
    expectFailure(await start(...flags, '--load', bench.path('throws.mjs')), 'ERR_LOAD_FAILED')
  })
})

describe('commands without a node, or for something that is not there', () => {
  test('no node in the data directory: ERR_NODE_NOT_RUNNING', async () => {
    expectFailure(
      await bench.run(['members', '--data-dir', bench.path('no')]),
      'ERR_NODE_NOT_RUNNING',
    )
    await mkdir(bench.path('empty'))
    const ended = await bench.run(['ping', 'b', '--data-dir', bench.path('empty')])
    expectFailure(ended, 'ERR_NODE_NOT_RUNNING')
    expect(ended.stderr).toContain('fovea start')
  })

  test('unknown nodes, behaviours, names and methods have their codes; the node goes on', async () => {
    const a = await bench.node('a', await bench.realm())
    const at = (...args: string[]): Promise<Ended> => bench.run([...args, '--data-dir', a.dataDir])
    expectFailure(await at('ping', 'nobody'), 'ERR_NODE_UNKNOWN')
    expectFailure(await at('spawn', 'counter', '--node', 'nobody'), 'ERR_NODE_UNKNOWN')
    expectFailure(await at('spawn', 'nothing'), 'ERR_BEHAVIOR_NOT_FOUND')
    expectFailure(await at('ref', 'call', 'nobody', 'get'), 'ERR_CALL_EXIT')
    const watching = await at('ref', 'monitor', 'nobody')
    expect(watching).toMatchObject({ code: 0, stderr: '' })
    expect(watching.stdout).toContain('nobody is down: noproc')
    await bench.ask(['spawn', 'counter', '--name', 'hits', '--data-dir', a.dataDir])
    expectFailure(await at('ref', 'call', 'hits', 'nothing'), 'ERR_CALL_UNKNOWN')
    expectFailure(await at('ref', 'call', 'hits', 'add', '"x"'), 'ERR_CALL_INPUT')
    expectFailure(await at('spawn', 'counter', '--name', 'hits'), 'ERR_SPAWN_REGISTRATION')
    const supervised = ['--supervised', '--name', 'hits']
    expectFailure(await at('spawn', 'counter', ...supervised), 'ERR_[A-Z_]*STARTED')
    expectFailure(await at('spawn', 'nothing', ...supervised), 'ERR_BEHAVIOR_NOT_FOUND')
    expect(await bench.ask(['ref', 'call', 'hits', 'add', '1', '--data-dir', a.dataDir])).toEqual({
      value: 1,
    })
  }, 30_000)
})

describe('a node among strangers', () => {
  test('a seed that answers garbage, and one that is silent, are log lines; the node serves', async () => {
    const realm = await bench.realm()
    const garbage = await udpSocket((socket, _bytes, port) => {
      socket.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), port, '127.0.0.1')
    })
    const silent = await udpSocket(() => {})
    const seeds = ['--seed', `g@127.0.0.1:${garbage}`, '--seed', `s@127.0.0.1:${silent}`]
    const a = await bench.node('a', realm, seeds)
    const b = await bench.node('b', realm, ['--seed', a.id])
    await a.process.event('node_up', { node: b.id })
    for (const port of [garbage, silent]) {
      const line = await a.process.log.wait(
        (event) => event.event === 'log' && JSON.stringify(event).includes(String(port)),
        { timeoutMs: 12_000, what: 'a log line about the seed' },
      )
      expect(JSON.stringify(line)).toMatch(/ERR_[A-Z_]+/)
    }
    expect(await bench.ask(['ping', 'b', '--data-dir', a.dataDir])).toMatchObject({ node: b.id })
  }, 30_000)

  test('a node of another realm is refused with a reason on both sides', async () => {
    const a = await bench.node('a', await bench.realm())
    const stranger = await bench.node('z', await bench.realm('other.json'), ['--seed', a.id])
    const line = await stranger.process.log.wait(
      (event) => event.event === 'log' && JSON.stringify(event).includes('ERR_'),
      { timeoutMs: 12_000, what: 'a log line about the refusal' },
    )
    expect(JSON.stringify(line)).toMatch(
      /ERR_(TRANSPORT_PROTOCOL|REALM_[A-Z]+|[A-Z_]*REALM[A-Z_]*)/,
    )
    expect(await bench.ask(['members', '--data-dir', a.dataDir])).toHaveLength(1)
  }, 30_000)

  test('garbage at the port is dropped and the node goes on', async () => {
    const realm = await bench.realm()
    const a = await bench.node('a', realm)
    const socket = createSocket('udp4')
    sockets.push(socket)
    const port = Number(a.ready['port'])
    const packets = [
      Buffer.alloc(0),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(1200, 0xff),
      Buffer.from([0x01, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff]),
    ]
    for (const packet of packets) {
      await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve))
    }
    const b = await bench.node('b', realm, ['--seed', a.id])
    expect(await a.process.event('node_up')).toMatchObject({ node: b.id })
  }, 30_000)
})
