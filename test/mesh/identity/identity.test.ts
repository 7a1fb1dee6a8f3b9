import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSeededEntropy, createSimClock, createSystemEntropy } from '../../../runtime/index.ts'
import { checkCertificate } from '../../../mesh/identity/certificate.ts'
import { STORE_DIR } from '../../../mesh/identity/data-dir.ts'
import { DataDirError } from '../../../mesh/identity/errors.ts'
import { openIdentity } from '../../../mesh/identity/identity.ts'
import type { Identity, IdentityOptions } from '../../../mesh/identity/identity.ts'
import { formatMembership } from '../../../mesh/identity/membership.ts'
import { nodeKeyFromHex } from '../../../mesh/identity/node-key.ts'
import {
  checkMembership,
  createRealm,
  formatRealm,
  issueMembership,
  loadRealm,
} from '../../../mesh/identity/realm.ts'
import { p256Pem } from './certificates.ts'

const realm = createRealm('com.example.shop')
const clock = createSimClock({ startMs: 1_790_000_000_000 })
const nowMs = clock.wallNow()

let root: string
let dataDir: string
let opened: Identity[] = []
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-identity-'))
  dataDir = join(root, 'data')
})
afterEach(async () => {
  await Promise.all(opened.map((identity) => identity.close()))
  opened = []
  await rm(root, { recursive: true })
})

async function open(options: Partial<IdentityOptions> = {}): Promise<Identity> {
  const identity = await openIdentity({
    dataDir,
    realm,
    clock,
    entropy: createSystemEntropy(),
    ...options,
  })
  opened.push(identity)
  return identity
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'opened',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )

const modeOf = async (...names: string[]) => (await stat(join(dataDir, ...names))).mode & 0o777

const state = async () =>
  JSON.parse(await readFile(join(dataDir, 'node.json'), 'utf8')) as Record<string, unknown>

describe('an identity without a data directory', () => {
  it('is new each time, and complete', async () => {
    const a = await open({ dataDir: undefined })
    const b = await open({ dataDir: undefined })
    expect(a.nodeKey.hex).not.toBe(b.nodeKey.hex)
    expect(a.incarnation).toBe(nowMs)
    expect(a.dataDir).toBeUndefined()
    expect(() => checkMembership(realm, a.membership, a.nodeKey, nowMs)).not.toThrow()
    expect(a.certificatePem).toContain('BEGIN CERTIFICATE')
  })

  it('repeats for a seed', async () => {
    const seeded = () => open({ dataDir: undefined, entropy: createSeededEntropy(7) })
    expect((await seeded()).nodeKey.hex).toBe((await seeded()).nodeKey.hex)
  })

  it('needs a realm that can issue, or a membership', async () => {
    const checker = await loadRealm(
      JSON.parse(formatRealm(realm, { includePrivateKey: false })) as object,
    )
    const error = await openIdentity({
      realm: checker,
      clock,
      entropy: createSystemEntropy(),
    }).catch((reason: unknown) => reason as Error & { code: string })
    expect(error).toMatchObject({ code: 'ERR_MEMBERSHIP_REQUIRED' })
    expect((error as Error).message).toContain('give the node a data directory')
  })
})

describe('a data directory', () => {
  it('is made on first use, for its owner only', async () => {
    const identity = await open({ dataDir: join(dataDir, 'deep', 'er') })
    expect(await modeOf('deep', 'er')).toBe(0o700)
    for (const name of await readdir(join(dataDir, 'deep', 'er'))) {
      expect(await modeOf('deep', 'er', name)).toBe(0o600)
    }
    expect((await readdir(join(dataDir, 'deep', 'er'))).sort()).toEqual([
      'lock.1',
      'node.json',
      'node.key',
    ])
    expect(identity.incarnation).toBe(1)
  })

  it('keeps the key and counts the starts', async () => {
    const keys: string[] = []
    for (let start = 1; start <= 5; start++) {
      const identity = await open()
      expect(identity.incarnation).toBe(start)
      keys.push(identity.nodeKey.hex)
      await identity.close()
    }
    expect(new Set(keys).size).toBe(1)
    expect((await readdir(dataDir)).sort()).toEqual(['lock.5', 'node.json', 'node.key'])
  })

  it('has the incarnation on disk before it is used', async () => {
    const identity = await open()
    expect(await state()).toEqual({
      format: 'fovea-node/1',
      nodeKey: identity.nodeKey.hex,
      realmId: realm.idHex,
      incarnation: 1,
    })
    const { certificatePem, nodeKey } = identity
    const der = Buffer.from(certificatePem.split('-----')[2] ?? '', 'base64')
    expect(checkCertificate([der], nowMs).hex).toBe(nodeKey.hex)
  })

  it('never repeats an incarnation, even when its lock files are removed', async () => {
    await (await open()).close()
    await (await open()).close()
    await rm(join(dataDir, 'lock.2'))
    expect((await open()).incarnation).toBe(3)
  })

  it('never repeats an incarnation when a start ends half-way', async () => {
    await (await open()).close()
    await writeFile(join(dataDir, 'node.key'), 'damaged', { mode: 0o600 })
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_CORRUPT')
    await rm(dataDir, { recursive: true })
    await (await open()).close()
    expect((await open()).incarnation).toBe(2)
  })

  it('that is looser than 0700 is tightened', async () => {
    await mkdir(dataDir, { mode: 0o755 })
    await chmod(dataDir, 0o755)
    await open()
    expect(await modeOf()).toBe(0o700)
  })

  it.each(['node.key', 'node.json'])('with a %s that others can read is refused', async (name) => {
    await (await open()).close()
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(join(dataDir, name), mode)
      const error = await open().catch((reason: unknown) => reason as DataDirError)
      expect(error).toBeInstanceOf(DataDirError)
      expect(error).toMatchObject({ code: 'ERR_DATA_DIR_MODE', path: join(dataDir, name) })
      expect((error as DataDirError).message).toContain('chmod 600')
    }
    await chmod(join(dataDir, name), 0o600)
    await open()
  })

  it('of another realm is refused and left alone', async () => {
    await (await open()).close()
    const before = await state()
    const error = await open({ realm: createRealm('org.other') }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_DATA_DIR_FOREIGN' })
    expect(await state()).toEqual(before)
  })

  it('that holds other things is refused and left alone', async () => {
    await mkdir(dataDir, { mode: 0o755 })
    await chmod(dataDir, 0o755)
    await writeFile(join(dataDir, 'thesis.tex'), 'x')
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_FOREIGN')
    expect(await readdir(dataDir)).toEqual(['thesis.tex'])
    expect(await modeOf()).toBe(0o755)
  })

  it('may hold what an empty volume holds, and later what other parts put there', async () => {
    await mkdir(join(dataDir, 'lost+found'), { recursive: true })
    await (await open()).close()
    await writeFile(join(dataDir, 'control.sock'), '')
    expect((await open()).incarnation).toBe(2)
  })

  it('may hold the store of the node before anything else', async () => {
    await mkdir(join(dataDir, STORE_DIR), { recursive: true })
    await writeFile(join(dataDir, STORE_DIR, 'data.mdb'), '')
    expect((await open()).incarnation).toBe(1)
    expect(await readdir(join(dataDir, STORE_DIR))).toEqual(['data.mdb'])
  })

  it('that is a file is refused', async () => {
    await writeFile(dataDir, 'x')
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_UNREADABLE')
  })

  it('is made with the directories above it', async () => {
    const deep = join(dataDir, 'a', 'b', 'c')
    expect((await open({ dataDir: deep })).incarnation).toBe(1)
    expect(await modeOf('a', 'b', 'c')).toBe(0o700)
  })

  it('that cannot be made where it is wanted is refused', async () => {
    await writeFile(dataDir, 'x')
    // Below /proc Node's own recursive mkdir never ends.
    const nowhere = process.platform === 'linux' ? '/proc' : dataDir
    for (const wanted of [join(nowhere, 'x'), join(nowhere, 'x', 'y')]) {
      expect(await codeOf(open({ dataDir: wanted }))).toBe('ERR_DATA_DIR_UNREADABLE')
    }
  })

  it.each<[string, () => Promise<unknown>]>([
    ['no key', () => rm(join(dataDir, 'node.key'))],
    ['a key that is none', () => put('node.key', 'x')],
    ['a key of another kind', () => put('node.key', p256Pem())],
    ['a state that is no JSON', () => put('node.json', '{"format"')],
    ['a state of another format', () => put('node.json', '{"format":"x"}')],
    [
      'a state of another node',
      async () => put('node.json', JSON.stringify({ ...(await state()), nodeKey: '0'.repeat(64) })),
    ],
    [
      'an incarnation that is none',
      async () => put('node.json', JSON.stringify({ ...(await state()), incarnation: -1 })),
    ],
    [
      'a directory for a key',
      async () => (await rm(join(dataDir, 'node.key')), mkdir(join(dataDir, 'node.key'))),
    ],
  ])('with %s is corrupt, and free again afterwards', async (_, damage) => {
    await (await open()).close()
    await damage()
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_CORRUPT')
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_CORRUPT')
  })

  it('survives a crash between its first two files', async () => {
    const identity = await open()
    await identity.close()
    await rm(join(dataDir, 'node.json'))
    const again = await open()
    expect(again.nodeKey.hex).toBe(identity.nodeKey.hex)
    expect(again.incarnation).toBe(2)
  })

  it('is swept of what a crash left unfinished', async () => {
    await (await open()).close()
    await put('.fovea-new-abc', 'half')
    await open()
    expect(await readdir(dataDir)).not.toContain('.fovea-new-abc')
  })
})

describe('the lock of a data directory', () => {
  it('lets exactly one of many starts at once win', async () => {
    for (let round = 1; round <= 5; round++) {
      const results = await Promise.all(Array.from({ length: 12 }, async () => codeOf(open())))
      expect(results.filter((code) => code === 'opened')).toHaveLength(1)
      expect(results.filter((code) => code === 'ERR_DATA_DIR_LOCKED')).toHaveLength(11)
      await Promise.all(opened.map((identity) => identity.close()))
      expect((await state())['incarnation']).toBe(round)
    }
  })

  it('names the process that holds it, and is free after close, which may come twice', async () => {
    const first = await open()
    const error = await open().catch((reason: unknown) => reason as DataDirError)
    expect((error as DataDirError).code).toBe('ERR_DATA_DIR_LOCKED')
    expect((error as DataDirError).message).toContain(`process ${process.pid}`)
    await first.close()
    await first.close()
    const second = await open()
    await first.close()
    expect(await codeOf(open())).toBe('ERR_DATA_DIR_LOCKED')
    expect(second.incarnation).toBe(2)
  })

  it('of a process that was killed with -9 is not in the way; of a live one it is', async () => {
    await (await open()).close()
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' })
    try {
      await once(child, 'spawn')
      await put('lock.1', JSON.stringify(holder(child.pid ?? 0)))
      expect(await codeOf(open())).toBe('ERR_DATA_DIR_LOCKED')
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect((await open()).incarnation).toBe(2)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('of a process id that was given away again, or of another boot, is not in the way', async () => {
    await (await open()).close()
    const self = holder(process.pid)
    // Only Linux tells; elsewhere a reused id keeps the lock, and the error says what to remove.
    const expected = self.startTicks === '' ? 'ERR_DATA_DIR_LOCKED' : 'opened'
    await put('lock.1', JSON.stringify({ ...self, startTicks: `${self.startTicks}1` }))
    expect(await codeOf(open())).toBe(expected)
    await opened.pop()?.close()
    await put('lock.7', JSON.stringify({ ...self, bootId: 'another' }))
    expect(await codeOf(open())).toBe(expected)
  })

  it('is let go without complaint when somebody removed the directory meanwhile', async () => {
    const identity = await open()
    await rm(dataDir, { recursive: true })
    await identity.close()
    expect((await open()).incarnation).toBe(1)
  })

  it('that cannot be read is taken seriously', async () => {
    await (await open()).close()
    for (const content of ['', '{}', '{"pid":"1"}', '{"pid":-1,"bootId":"","startTicks":""}']) {
      await put('lock.1', content)
      expect(await codeOf(open())).toBe('ERR_DATA_DIR_LOCKED')
    }
  })
})

describe('a membership on disk', () => {
  const checker = () =>
    loadRealm(JSON.parse(formatRealm(realm, { includePrivateKey: false })) as object)

  it('is asked for with what to do, then used', async () => {
    const error = (await open({ realm: await checker() }).catch(
      (reason: unknown) => reason,
    )) as Error
    expect(error).toMatchObject({ code: 'ERR_MEMBERSHIP_REQUIRED' })
    const hex = /fovea realm issue ([0-9a-f]{64})/.exec(error.message)?.[1] ?? ''
    expect(error.message).toContain(join(dataDir, 'membership.json'))
    const nodeKey = nodeKeyFromHex(hex)
    const membership = issueMembership(realm, nodeKey, { wallNowMs: nowMs, roles: ['db'] })
    await put('membership.json', formatMembership(membership))
    const identity = await open({ realm: await checker() })
    expect(identity.nodeKey.hex).toBe(hex)
    expect(identity.membership.roles).toEqual(['db'])
  })

  it('of another node, too old, or damaged is refused with its own code', async () => {
    const first = await open()
    const { nodeKey } = first
    await first.close()
    const attempt = async (text: string) => {
      await put('membership.json', text)
      return codeOf(open({ realm: await checker() }))
    }
    const other = nodeKeyFromHex('ab'.repeat(32))
    const issue = (key: typeof nodeKey, options = {}) =>
      formatMembership(issueMembership(realm, key, { wallNowMs: nowMs, ...options }))
    expect(await attempt(issue(other))).toBe('ERR_REALM_NODE_KEY')
    expect(await attempt(issue(nodeKey, { wallNowMs: 0, validMs: 1 }))).toBe('ERR_REALM_EXPIRED')
    expect(await attempt('{}')).toBe('ERR_REALM_MEMBERSHIP_MALFORMED')
    expect(await attempt(issue(nodeKey))).toBe('opened')
  })

  it('may be given instead', async () => {
    const first = await open()
    const { nodeKey } = first
    await first.close()
    const membership = issueMembership(realm, nodeKey, { wallNowMs: nowMs })
    const identity = await open({ realm: await checker(), membership })
    expect(identity.membership).toEqual(membership)
  })
})

function put(name: string, text: string): Promise<void> {
  return writeFile(join(dataDir, name), text, { mode: 0o600 })
}

/** A lock's content as the process `pid` would write it. */
function holder(pid: number): { pid: number; bootId: string; startTicks: string } {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  }
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? []
  return {
    pid,
    bootId: read('/proc/sys/kernel/random/boot_id').trim(),
    startTicks: fields[19] ?? '',
  }
}
