/**
 * The devices of the examples: a control room, a gateway and two devices as processes on loopback QUIC, each killed once.
 * The tests are one day, in order. Needs `npm run build`.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Screens, type ScreenProcess } from './screen-process.ts'

const PROGRAM = fileURLToPath(new URL('../../build/examples/08-iot.js', import.meta.url))
/** Of starts, and of one test: these are no measures, only ends. */
const START_MS = 60_000
const TEST_MS = 60_000
const EVERY_MS = '40'

const screens = new Screens(PROGRAM)
let directory = ''
let control: ScreenProcess
let gate: ScreenProcess
let hall1: ScreenProcess
let hall2: ScreenProcess
/** `name@host:port` of the two members: after a kill they come back at the same place. */
let controlId = ''
let gateId = ''

interface Kept {
  readonly device: string
  readonly number: number
  readonly hall: string
}

function start(role: string, name: string, ...args: readonly string[]): ScreenProcess {
  const place = ['--realm', join(directory, 'realm'), '--data', join(directory, name)]
  return screens.start([role, ...args, ...place, '--preset', 'local'])
}

const portOf = (id: string): string => id.split(':').at(-1) ?? ''
const startControl = (...args: readonly string[]) => start('control', 'control', ...args)
const startGate = (...args: readonly string[]) =>
  start('gate', 'gate', '--seed', controlId, ...args)
const startDevice = (hall: string) =>
  start('device', hall, hall, '--gate', gateId, '--every-ms', EVERY_MS)

async function journal(...path: readonly string[]): Promise<readonly unknown[]> {
  const lines = (await readFile(join(directory, ...path), 'utf8')).split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as unknown)
}

/** Number of the last reading that a device has promised to keep. */
const accepted = (device: ScreenProcess): number =>
  Number(device.with('accepted ').at(-1)?.slice('accepted '.length) ?? 0)

/** Waits until a device has promised so many more. */
const moreFrom = (device: ScreenProcess, more: number): Promise<string> =>
  device.sees(`accepted ${accepted(device) + more}`)

beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run npm run build first`)
  directory = await mkdtemp(join(tmpdir(), 'fovea-iot-'))
  control = startControl()
  controlId = /is (\S+);/.exec(await control.sees('* the control room is'))?.[1] ?? ''
  gate = startGate()
  gateId = /is (\S+)$/.exec(await gate.sees('* the gateway is'))?.[1] ?? ''
  hall1 = startDevice('hall1')
  hall2 = startDevice('hall2')
  for (const device of [hall1, hall2]) await device.sees('* connected')
}, START_MS)

afterAll(async () => {
  await screens.close()
  await rm(directory, { recursive: true, force: true })
})

describe('devices at the edge', { timeout: TEST_MS }, () => {
  it('are heard through site.**, and one kind of their readings through site.*.temperature', async () => {
    await Promise.all([control.sees('hall1 1 temperature 18'), control.sees('hall2 2 humidity 64')])
    await control.asks('set hall1 30', '* hall1 is heated to 30')
    await hall1.sees('* heats to 30')
    await control.sees('* hall1 is warm: ')
    await control.asks('halls', '* halls: hall1, hall2')
    expect(hall2.with('* heats')).toEqual([])
    expect(control.with('* hall2 is warm')).toEqual([])
  })

  it.each([
    ['set hall1 99', '! from 5 to 35 degrees, please'],
    ['set hall9 20', "! nobody offers 'site.hall9.heater'"],
    ['set Hall.1 20', '! type set HALL DEGREES'],
    ['dance', '! type set HALL DEGREES'],
  ])('"%s" is answered with what is wrong', async (typed, answer) => {
    expect(await control.asks(typed, '!')).toContain(answer)
  })

  it('keep what they accept while the gateway is killed, and are killed themselves', async () => {
    gate.child.kill('SIGKILL')
    await Promise.all([hall1, hall2].map((device) => device.sees('* reconnecting')))
    await Promise.all([moreFrom(hall1, 20), moreFrom(hall2, 20)])
    await control.asks('set hall2 20', '! ')
    hall2.child.kill('SIGKILL')
    await hall2.ended
    const before = accepted(hall2)
    hall2 = startDevice('hall2')
    const waiting = / (\d+) readings wait/.exec(await hall2.sees('readings wait'))?.[1]
    expect(Number(waiting)).toBeGreaterThanOrEqual(20)
    await hall2.sees(`accepted ${before + 4}`)
    expect(hall2.with('* connected')).toEqual([])
  })

  it('deliver all of it when gateway and archive are back, in order, and nothing twice', async () => {
    control.child.kill('SIGKILL')
    await control.ended
    control = startControl('--port', portOf(controlId))
    await control.sees(`* the control room is ${controlId}`)
    gate = startGate('--port', portOf(gateId))
    await gate.sees(`* the gateway is ${gateId}`)
    const last = [`hall1 ${accepted(hall1)} `, `hall2 ${accepted(hall2)} `]
    await Promise.all(last.map((line) => control.sees(line)))
    await control.asks('set hall2 21', '* hall2 is heated to 21')

    for (const device of [hall1, hall2]) {
      device.child.kill('SIGTERM')
      expect(await device.ended).toEqual({ code: 0, signal: null })
    }
    for (const member of [control, gate]) {
      member.child.kill('SIGTERM')
      expect(await member.ended).toEqual({ code: 0, signal: null })
    }
    const kept = (await journal('control', 'readings.jsonl')) as readonly Kept[]
    for (const [hall, device] of [['hall1', hall1] as const, ['hall2', hall2] as const]) {
      const own = kept.filter((one) => one.hall === hall)
      const numbers = own.map(({ number }) => number)
      // What was accepted last may still wait, as it would for the next start.
      const outbox = (await journal(hall, 'outbox.jsonl')) as readonly Partial<Kept>[]
      const waiting = outbox.flatMap(({ number = 0 }) => (number > numbers.length ? [number] : []))
      const all = Array.from({ length: numbers.length + waiting.length }, (_none, n) => n + 1)
      expect([...numbers, ...waiting]).toEqual(all)
      expect(all.length).toBeGreaterThanOrEqual(accepted(device))
      expect(new Set(own.map((one) => one.device)).size).toBe(1)
    }
  })
})
