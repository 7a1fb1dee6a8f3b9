/**
 * Devices at the edge: sensors, heaters, and a gateway that is pulled out of the wall. Readings are kept on the disk of the
 * device until the archive has them; none is lost, none is kept twice. Run it with: npm run example 08
 *
 * That starts a control room, a gateway and two devices by itself. By hand, after npm run build, in one terminal each:
 *
 *     node build/examples/08-iot.js control --port 4500
 *     node build/examples/08-iot.js gate --port 4501 --seed control@127.0.0.1:4500
 *     node build/examples/08-iot.js device hall1 --gate gate@127.0.0.1:4501
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runControl } from './08-iot/control.ts'
import { runDevice } from './08-iot/device.ts'
import { runGate } from './08-iot/gate.ts'
import type { MemberOptions } from './08-iot/gate.ts'
import { isHall } from './08-iot/reading.ts'
import { showTour } from './08-iot/tour.ts'
import { makeRealm } from './realm-file.ts'

const USAGE = `usage: 08-iot.js control|gate|device HALL [--realm FILE] [--data FOLDER] [--port PORT]
                  [--seed NAME@HOST:PORT]... [--gate NAME@HOST:PORT]... [--every-ms MS] [--preset local|lan|wan]`

try {
  process.exitCode = await main()
} catch (error) {
  const { message, code } = error as Error & { code?: string }
  // How it is called is of use to who called it wrongly, and to nobody else.
  const isUsage = code === undefined || /^ERR_(PARSE_ARGS|OPTION)_/.test(code)
  console.error(isUsage ? `${message}\n${USAGE}` : message)
  process.exitCode = 2
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      realm: { type: 'string', default: 'site.realm' },
      data: { type: 'string' },
      port: { type: 'string', default: '0' },
      seed: { type: 'string', multiple: true, default: [] },
      gate: { type: 'string', multiple: true, default: [] },
      'every-ms': { type: 'string', default: '1000' },
      preset: { type: 'string', default: 'lan' },
    },
  })
  const [role, hall = ''] = positionals
  if (role === undefined) return await showTour()
  const { realm, preset, seed: seeds, gate: gates, port } = values
  const data = values.data ?? `site-${role}-${hall}`
  if (preset !== 'local' && preset !== 'lan' && preset !== 'wan') {
    throw new Error(`there is no preset ${preset}`)
  }
  await makeRealm(realm, 'com.example.site')
  const member: MemberOptions = { realm, data, preset, seeds, port: Number(port) }
  if (role === 'control') await runControl(member)
  else if (role === 'gate') await runGate(member)
  else if (role !== 'device') throw new Error(`nothing here is called ${role}`)
  else if (hall === '') throw new Error('a device is in a hall: device HALL')
  else if (!isHall(hall)) throw new Error(`no hall is called '${hall}'`)
  else if (gates.length === 0) throw new Error('a device needs a gateway: --gate NAME@HOST:PORT')
  else await runDevice({ hall, realm, data, gates, everyMs: Number(values['every-ms']) })
  return 0
}
