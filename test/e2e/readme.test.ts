/**
 * The tour of the README, as a newcomer takes it: every file it shows is saved under its name and run,
 * and what it prints is what the README says it prints.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Bench, ROOT, type CliProcess } from './cli-process.ts'

interface Block {
  readonly language: string
  readonly text: string
  /** The file name in the first line of a JavaScript block. */
  readonly file: string | undefined
}

const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
const blocks = blocksOf(readme)

let bench: Bench
let tour: string
beforeEach(async () => {
  bench = await Bench.open()
  // Inside the package, as the README says, so that 'fovea' means this package.
  tour = await mkdtemp(join(ROOT, 'build', 'tour-'))
  for (const { file, text } of blocks) {
    if (file === undefined) continue
    await mkdir(join(tour, 'tour'), { recursive: true })
    await writeFile(join(tour, file), text)
  }
})
afterEach(async () => {
  await bench.close()
  await rm(tour, { recursive: true, force: true })
})

describe('the tour of the README', () => {
  const programs = programsOf(blocks)

  test('shows at least a server, a supervisor and two nodes', () => {
    expect(programs.length).toBeGreaterThanOrEqual(3)
  })

  test.each(programs)(
    'node $file prints what the README says',
    async ({ file, output }) => {
      const { code, stdout, stderr } = await bench.spawn(process.execPath, [file], { cwd: tour })
        .ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(masked(stdout)).toBe(masked(output))
    },
    30_000,
  )

  test('every fovea command of the README is a command that parses', async () => {
    const { parseArguments } = await import('../../dist/cli/program.ts')
    const lines = commandsOf(blocks)
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) {
      expect(parseArguments(line.split(/ +/), { version: '1', env: {} }), line).toMatchObject({
        type: 'command',
      })
    }
  })
})

describe('the command line of the README', () => {
  test('its commands work in the order in which they stand there', async () => {
    const [first, second] = [await freePort(), await freePort()]
    const lines = commandsOf(blocks).map((line) =>
      line.replaceAll('4433', first).replaceAll('4434', second),
    )
    const said = new Map<string, string>()
    for (const line of lines) {
      const args = line.split(/ +/)
      if (args[0] === 'start') {
        const node = bench.start(args, { cwd: tour })
        await textOf(node, 'is ready')
        if (args.includes('--seed')) await textOf(node, 'is up')
        continue
      }
      const ended = await bench.run(args, { cwd: tour })
      expect(ended, line).toMatchObject({ code: args.includes('crash') ? 1 : 0 })
      said.set(args.slice(0, 4).join(' '), ended.stdout)
    }
    expect(said.get('members --data-dir tour/a')).toMatch(/b@127.0.0.1:\d+ +up/)
    expect(said.get('ref call hits add')).toBe('15\n')
    expect(said.get('ref call hits get')).toMatch(/^10\n1000 calls: p50 [\d.]+ ms/)
  }, 40_000)
})

describe('the README itself', () => {
  test('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '')
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) expect(existsSync(join(ROOT, link)), link).toBe(true)
  })
})

/** What stands after `npx fovea` in the shell blocks. */
function commandsOf(all: readonly Block[]): string[] {
  return all
    .filter((block) => block.language === 'sh')
    .flatMap((block) => block.text.split('\n'))
    .map((line) => /^npx fovea (.+)$/.exec(line)?.[1])
    .filter((line) => line !== undefined)
}

function textOf(node: CliProcess, words: string): Promise<unknown> {
  return node.log.wait((event) => String(event['text']).includes(words), {
    timeoutMs: 12_000,
    what: words,
  })
}

/** The ports of the README may be in use where this test runs. */
async function freePort(): Promise<string> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return String(port)
}

/** Each `node FILE` line of a shell block, with the output block that follows it. */
function programsOf(all: readonly Block[]): { file: string; output: string }[] {
  return all.flatMap((block, index) => {
    const file = block.language === 'sh' ? /^node (\S+)$/m.exec(block.text)?.[1] : undefined
    const next = all[index + 1]
    if (file === undefined || next?.language !== 'text') return []
    return [{ file, output: next.text }]
  })
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', text = '']) => ({
      language,
      text,
      file: language === 'js' ? /^\/\/ (\S+\.js)\n/.exec(text)?.[1] : undefined,
    }),
  )
}

/** Ports, keys and times differ from run to run. */
function masked(text: string): string {
  return text
    .trim()
    .replace(/:\d{4,5}\b/g, ':PORT')
    .replace(/\d+(\.\d+)? ?ms/g, 'N ms')
}
