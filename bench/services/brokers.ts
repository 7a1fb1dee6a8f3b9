/** Brokers that the fan-out is compared with, each as a program of its own on a free port of loopback. */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A broker that runs. */
export interface Broker {
  readonly address: string
  /** Processor time that it took so far, microseconds. */
  cpu(): number
  stop(): void
}

/** A broker that could be started. */
export interface BrokerKind {
  readonly name: string
  /** The module of its client, under bench/peers/services. */
  readonly client: 'mqtt.mjs' | 'nats.mjs'
  start(peersFolder: string): Promise<Broker>
}

const TICKS_PER_SECOND = 100
const POLL_MS = 50
const START_TRIES = 100

/** Of all its threads; from the kernel, because a broker is no program of ours. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < START_TRIES; i++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port })
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => socket.destroy())
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`nobody listens at ${port}`)
}

async function running(child: ChildProcess, scheme: string, port: number): Promise<Broker> {
  await listening(port)
  return {
    address: `${scheme}://127.0.0.1:${port}`,
    cpu: () => cpuOf(child),
    stop: () => void child.kill('SIGKILL'),
  }
}

/** First of the places where Debian puts it. */
function program(...paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path))
}

async function startNats(path: string): Promise<Broker> {
  const port = await freePort()
  return running(
    spawn(path, ['-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' }),
    'nats',
    port,
  )
}

async function startMosquitto(path: string): Promise<Broker> {
  const port = await freePort()
  const file = join(mkdtempSync(join(tmpdir(), 'fovea-bench-')), 'mosquitto.conf')
  // Its own queue limit would drop what a client has not read yet.
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'max_queued_messages 0']
  writeFileSync(file, `${lines.join('\n')}\n`)
  return running(spawn(path, ['-c', file], { stdio: 'ignore' }), 'mqtt', port)
}

async function startAedes(peersFolder: string): Promise<Broker> {
  const child = fork(join(peersFolder, 'aedes.mjs'))
  const { port } = await new Promise<{ port: number }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { port: number }))
    child.once('exit', (code) => reject(new Error(`aedes ended with ${code}`)))
  })
  return running(child, 'mqtt', port)
}

/** Those that are installed, and the names of the others with the reason. */
export function brokerKinds(npm: ReadonlySet<string>): {
  readonly present: readonly BrokerKind[]
  readonly missing: readonly string[]
} {
  const present: BrokerKind[] = []
  const missing: string[] = []
  const nats = program('/usr/sbin/nats-server', '/usr/bin/nats-server')
  const mosquitto = program('/usr/sbin/mosquitto', '/usr/bin/mosquitto')
  if (!npm.has('aedes') || !npm.has('mqtt')) missing.push('aedes: not installed by npm')
  else present.push({ name: 'aedes', client: 'mqtt.mjs', start: startAedes })
  if (nats === undefined) missing.push('nats-server: apt-get install nats-server')
  else if (!npm.has('nats')) missing.push('nats-server: its client is not installed by npm')
  else present.push({ name: 'nats-server', client: 'nats.mjs', start: () => startNats(nats) })
  if (mosquitto === undefined) missing.push('mosquitto: apt-get install mosquitto')
  else if (!npm.has('mqtt')) missing.push('mosquitto: its client is not installed by npm')
  else {
    present.push({ name: 'mosquitto', client: 'mqtt.mjs', start: () => startMosquitto(mosquitto) })
  }
  return { present, missing }
}
