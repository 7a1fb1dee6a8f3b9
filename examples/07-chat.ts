/**
 * A chat without a server, in the terminal: rooms, who is there, private messages, history, who is typing, files. Run it
 * with: npm run example 07
 *
 * That shows a tour of three people. To talk yourself, in one terminal each:
 *
 *     npm run build
 *     node build/examples/07-chat.js ann --port 4433
 *     node build/examples/07-chat.js bob --seed ann@127.0.0.1:4433
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { isName, NAME_RULE } from './07-chat/names.ts'
import { showTour } from './07-chat/tour.ts'

const USAGE = `usage: 07-chat.js NICK [--room ROOM] [--seed NAME@HOST:PORT]... [--host ADDRESS] [--port PORT]
                  [--realm FILE] [--folder FOLDER] [--preset local|lan|wan]`

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
      room: { type: 'string', default: 'general' },
      seed: { type: 'string', multiple: true, default: [] },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      realm: { type: 'string', default: 'chat.realm' },
      folder: { type: 'string', default: '.' },
      preset: { type: 'string', default: 'lan' },
    },
  })
  const [nick] = positionals
  if (nick === undefined) return await showTour()
  const { room, seed: seeds, port, preset, ...rest } = values
  for (const name of [nick, room])
    if (!isName(name)) throw new Error(`'${name as string}': ${NAME_RULE}`)
  if (preset !== 'local' && preset !== 'lan' && preset !== 'wan')
    throw new Error(`there is no preset ${preset}`)
  const { runTerminal } = await import('./07-chat/terminal.ts')
  return await runTerminal({ ...rest, nick, room, seeds, preset, port: Number(port) })
}
