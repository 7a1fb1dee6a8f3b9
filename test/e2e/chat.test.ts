/**
 * The chat of the examples as three people use it: processes on loopback QUIC, typed into, their screens read. The tests
 * are one evening, in order. Needs `npm run build`.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Screens, type ScreenProcess } from './screen-process.ts'

const PROGRAM = fileURLToPath(new URL('../../build/examples/07-chat.js', import.meta.url))
/** Of starts, and of one test: these are no measures, only ends. */
const START_MS = 60_000
const TEST_MS = 60_000

const screens = new Screens(PROGRAM)
let directory = ''
let seed = ''
let ann: ScreenProcess
let bob: ScreenProcess
let eve: ScreenProcess

const args = (nick: string, seeds: readonly string[]): string[] => {
  const place = ['--realm', join(directory, 'realm'), '--folder', join(directory, nick)]
  return [nick, ...place, '--preset', 'local', ...seeds.flatMap((one) => ['--seed', one])]
}

beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run npm run build first`)
  directory = await mkdtemp(join(tmpdir(), 'fovea-chat-'))
  await Promise.all(['ann', 'bob', 'eve'].map((nick) => mkdir(join(directory, nick))))
  ann = screens.start(args('ann', []))
  seed = /--seed (\S+);/.exec(await ann.sees('--seed'))?.[1] ?? ''
  bob = screens.start(args('bob', [seed]))
  eve = screens.start(args('eve', [seed]))
  for (const screen of [bob, eve]) await screen.sees('you are in general')
  await ann.sees('bob is in general')
  await ann.sees('eve is in general')
}, START_MS)

afterAll(async () => {
  await screens.close()
  await rm(directory, { recursive: true, force: true })
})

describe('a chat of three processes', { timeout: TEST_MS }, () => {
  it('shows what one says to all who are in the room, and who is in it', async () => {
    const line = await ann.asks('good evening', '<ann> good evening')
    expect(line).toMatch(/^\[\d\d:\d\d:\d\d] <ann> good evening$/)
    await Promise.all([bob, eve].map((screen) => screen.sees('<ann> good evening')))
    const everybody = '* here: ann, bob, eve'
    for (const screen of [ann, bob, eve]) await screen.asksUntil('/who', '* here:', everybody)
    await bob.asksUntil(
      '/people',
      '* online:',
      '* online: ann (general), bob (general), eve (general)',
    )
    const said = [ann, bob, eve].map((screen) => screen.with('good evening').length)
    expect(said).toEqual([1, 1, 1])
  })

  it('says who is typing until the line comes, and not to the one who types', async () => {
    bob.type('I am thin')
    await ann.sees('* bob typing ...')
    bob.type('king\n')
    await ann.sees('<bob> I am thinking')
    expect(bob.with('typing')).toEqual([])
  })

  it('gives a private message to one person, with the name that the sender has', async () => {
    await bob.asks('/msg ann eve must not know', '[private to ann] eve must not know')
    expect(await ann.sees('[private]')).toBe('[private] <bob> eve must not know')
    await eve.asks('/who', '* here')
    expect(eve.with('must not know')).toEqual([])
  })

  it('gets a shared file piece by piece, whole, and over no other file', async () => {
    const bytes = randomBytes(300_000)
    await writeFile(join(directory, 'photo.bin'), bytes)
    await writeFile(join(directory, 'eve', 'photo.bin'), 'mine')
    ann.type(`/send ${join(directory, 'photo.bin')}\n`)
    await Promise.all([bob, eve].map((screen) => screen.sees('* photo.bin, 300000 bytes: /get 1')))
    await Promise.all([bob, eve].map((screen) => screen.asks('/get 1', '* got ')))
    for (const path of ['bob/photo.bin', 'eve/photo-1.bin']) {
      expect(bytes.equals(await readFile(join(directory, path))), path).toBe(true)
    }
    expect(await readFile(join(directory, 'eve', 'photo.bin'), 'utf8')).toBe('mine')
    expect(await readdir(join(directory, 'bob'))).toEqual(['photo.bin'])
  })

  it('shows to one who comes back what was said meanwhile, and nothing of other rooms', async () => {
    await eve.asks('/join garden', '* you are in garden, alone')
    await ann.sees('* eve has left general')
    await ann.asks('is eve gone?', '<ann> is eve gone?')
    await eve.asks('how quiet it is', '<eve> how quiet it is')
    await bob.asksUntil('/people', '* online:', 'eve (garden)')
    expect(eve.with('is eve gone?')).toEqual([])
    await eve.asks('/join general', '<ann> is eve gone?')
    await eve.asks('/history 1', '<ann> is eve gone?')
    expect(ann.with('how quiet')).toEqual([])
  })

  it.each([
    ['/dance', '! there is no /dance; see /help'],
    ['/constructor', '! there is no /constructor; see /help'],
    ['/msg nobody hello', '! nobody is called nobody'],
    ['/msg ann', '! what is missing: NICK TEXT'],
    ['/join The.Cellar', '! no room can be called so: names are'],
    ['/send /no/such/file', '! there is no file /no/such/file'],
    ['/send .', '! . is no file'],
    ['/get 99', '! no file has the number 99'],
    ['/history -1', '! COUNT is a number from 1'],
    ['x'.repeat(2_001), '! that is too long: 2000 characters at most'],
    ['/help', '  /send FILE         shares a file with this room'],
  ])('answers what is wrong with words, and goes on: case %#', async (typed, answer) => {
    expect(await bob.asks(typed, answer)).toContain(answer)
    await bob.asks('/who', '* here: ')
  })

  it('shows what another terminal would obey as blanks', async () => {
    await bob.asks('\u001B[2J\u0007over', '<bob>  [2J over')
    expect(await ann.sees('[2J')).toMatch(/<bob> {2}\[2J over$/)
  })

  it('lets nobody in under a name that is taken, or that is none', async () => {
    const second = screens.start(args('eve', [seed]))
    const wrong = screens.start(args('No Name', [seed]))
    await second.sees('! somebody is called eve')
    expect(await second.ended).toEqual({ code: 1, signal: null })
    await wrong.sees("'No Name': names are 1 to 24 of a-z, 0-9, - and _")
    expect(await wrong.ended).toEqual({ code: 2, signal: null })
    await ann.asksUntil(
      '/people',
      '* online:',
      '* online: ann (general), bob (general), eve (general)',
    )
  })

  it('says once that somebody who is killed has left, and leaves no ghost', async () => {
    bob.child.kill('SIGKILL')
    expect(await bob.ended).toEqual({ code: null, signal: 'SIGKILL' })
    await Promise.all([ann, eve].map((screen) => screen.sees('* bob has left general')))
    for (const screen of [ann, eve]) {
      await screen.asks('/who', '* here: ann, eve')
      await screen.asksUntil('/people', '* online:', '* online: ann (general), eve (general)')
      expect(screen.with('bob has left')).toHaveLength(1)
    }
    await ann.asks('/msg bob are you there?', '! nobody is called bob')
    await ann.asks('it was the wind', '<ann> it was the wind')
    await eve.sees('<ann> it was the wind')
  })

  it('leaves with /quit, with Ctrl-C and at the end of the input, and the others hear of it', async () => {
    eve.type('good night\n/quit\n')
    await ann.sees('<eve> good night')
    expect(await eve.ended).toEqual({ code: 0, signal: null })
    await ann.sees('* eve has left general')
    ann.child.kill('SIGINT')
    expect(await ann.ended).toEqual({ code: 0, signal: null })
  })
})
