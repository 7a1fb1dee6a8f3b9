/** A day on the site, played by four processes: what is left of `|` says on whose screen a line is. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TypedProgram } from '../typed-program.ts'
import type { Kept } from './archive.ts'

type Start = (role: string, ...args: readonly string[]) => TypedProgram

/** Plays it; gives the exit code. */
export async function showTour(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-site-'))
  const programs: TypedProgram[] = []
  const start: Start = (role, ...args) => {
    const name = role === 'device' ? (args[0] ?? '') : role
    const place = ['--realm', join(folder, 'realm'), '--data', join(folder, name)]
    const show = (line: string): void => {
      // Each reading is a line, too; they are counted at the end.
      if (/^[*!]/.test(line)) console.log(`${name.padStart(7)} | ${line}`)
    }
    const program = new TypedProgram(name, [role, ...args, ...place, '--preset', 'local'], show)
    programs.push(program)
    return program
  }
  try {
    await play(start)
    await count(join(folder, 'control', 'readings.jsonl'))
    return 0
  } finally {
    await Promise.all(programs.map((program) => program.kill()))
    await rm(folder, { recursive: true })
  }
}

async function play(start: Start): Promise<void> {
  const control = start('control')
  const [, seed = ''] = /is (\S+);/.exec(await control.sees('* the control room is')) ?? []
  const gate = start('gate', '--seed', seed)
  const [, address = ''] = /is (\S+)$/.exec(await gate.sees('* the gateway is')) ?? []
  const device = (hall: string) => start('device', hall, '--gate', address, '--every-ms', '100')
  const [hall1, hall2] = [device('hall1'), device('hall2')]
  await Promise.all([control.sees('hall1 1 '), control.sees('hall2 1 ')])
  control.type('set hall1 28')
  await control.sees('* hall1 is warm')

  await gate.kill()
  await Promise.all([hall1, hall2].map((one) => one.sees('* readings wait on disk')))
  control.type('set hall1 18')
  await control.sees('! ')
  const last = hall1.newest(/^accepted (\d+)/)
  start('gate', '--seed', seed, '--port', address.split(':').at(-1) ?? '')
  await control.sees(`hall1 ${Number(last) + 10} `)
  await Promise.all([hall1, hall2].map((one) => one.quit()))
}

/** Looks whether all is there, once and in order. */
async function count(path: string): Promise<void> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  const numbers = new Map<string, number>()
  for (const { hall, number } of lines.map((line) => JSON.parse(line) as Kept)) {
    const before = numbers.get(hall) ?? 0
    if (number !== before + 1) throw new Error(`after ${before} of ${hall} came ${number}`)
    numbers.set(hall, number)
  }
  for (const [hall, number] of numbers) console.log(`${hall}: ${number} readings, each once`)
}
