import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RealmError } from '../../../mesh/identity/errors.ts'
import { generateNodeKeys, nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import {
  formatMembership,
  membershipBytes,
  parseMembershipFile,
} from '../../../mesh/identity/membership.ts'
import type { Membership } from '../../../mesh/identity/membership.ts'
import { isGranted, isPolicySubject, OPEN_POLICY } from '../../../mesh/identity/policy.ts'
import {
  checkMembership,
  createRealm,
  formatRealm,
  isRealm,
  isRealmName,
  issueMembership,
  loadRealm,
} from '../../../mesh/identity/realm.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { p256Pem } from './certificates.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000
const SKEW_MS = 300_000
const realm = createRealm('com.example.shop')
const node = generateNodeKeys().nodeKey
const other = generateNodeKeys().nodeKey

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'fovea-realm-'))))
afterAll(() => rm(dir, { recursive: true }))

interface RealmFile {
  readonly authority: { readonly publicKey: string; readonly privateKey: string }
}

/** Code and field of a refusal. */
async function refusal(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof RealmError) return `${error.code} ${error.field ?? ''}`.trim()
    throw error
  }
  return 'good'
}

describe('a realm', () => {
  it('has an id of its authority key and its name, and an ALPN of the id', () => {
    const id = createHash('sha256')
      .update(realm.authorityPublicKey)
      .update('com.example.shop')
      .digest('hex')
    expect(realm.idHex).toBe(id)
    expect(Buffer.from(realm.id).toString('hex')).toBe(id)
    expect(realm.alpn).toBe(`fovea/1:${id.slice(0, 16)}`)
  })

  it('MG19 is not another one of the same name', () => {
    expect(createRealm('com.example.shop').idHex).not.toBe(realm.idHex)
  })

  it('can have its authority from a seed, for simulations', () => {
    const authority = nodeKeysFromSeed(new Uint8Array(32))
    expect(createRealm('sim', { authority }).idHex).toBe(createRealm('sim', { authority }).idHex)
  })

  it.each(['com.example.shop', 'demo', 'a', 'x1.y-2.z3', 'a.'.repeat(126) + 'a'])(
    'may be called %s',
    (name) => {
      expect(isRealmName(name)).toBe(true)
      expect(createRealm(name).name).toBe(name)
    },
  )

  it.each([
    '',
    'Com.example',
    'a b',
    'a..b',
    '.a',
    'a.',
    '-a',
    'a-',
    'é',
    'a_b',
    `${'a.'.repeat(127)}a`,
    5 as never,
  ])('may not be called %j', async (name) => {
    expect(await refusal(() => createRealm(name))).toBe('ERR_REALM_NAME name')
  })

  it('that is refused is in the message, cut, and only if it is a text', () => {
    expect(() => createRealm('Shop')).toThrow(/in lower case, not 'Shop'$/)
    expect(() => createRealm('A'.repeat(99))).toThrow(/, not 'A{64}'$/)
    expect(() => createRealm({ secret: 1 } as never)).toThrow(/, not object$/)
  })

  it('is recognised, and look-alikes are not', async () => {
    expect(isRealm(realm)).toBe(true)
    expect(isRealm({ ...realm })).toBe(false)
    expect(await loadRealm(realm)).toBe(realm)
  })

  it('SEC15 does not show the private key of its authority', () => {
    const secret = (JSON.parse(formatRealm(realm)) as { authority: { privateKey: string } })
      .authority.privateKey
    const line = secret.split('\n')[1] ?? ''
    expect(line.length).toBeGreaterThan(40)
    for (const text of [inspect(realm, { showHidden: true, depth: 9 }), JSON.stringify(realm)]) {
      expect(text).not.toContain(line)
    }
  })
})

describe('a realm file', () => {
  const file = () => JSON.parse(formatRealm(realm)) as RealmFile

  it('brings the realm back, by path, by object, and as its own text', async () => {
    const path = join(dir, 'realm.json')
    await writeFile(path, formatRealm(realm), { mode: 0o600 })
    for (const loaded of [await loadRealm(path), await loadRealm(file())]) {
      expect(loaded.idHex).toBe(realm.idHex)
      expect(loaded.name).toBe(realm.name)
      expect(loaded.canIssue).toBe(true)
      expect(loaded.policy).toEqual(OPEN_POLICY)
      expect(formatRealm(loaded)).toBe(formatRealm(realm))
    }
  })

  it('without the private key can check but not issue', async () => {
    const text = formatRealm(realm, { includePrivateKey: false })
    expect(text).not.toContain('PRIVATE')
    const checker = await loadRealm(JSON.parse(text) as object)
    expect(checker.canIssue).toBe(false)
    expect(checker.idHex).toBe(realm.idHex)
    expect(await refusal(() => issueMembership(checker, node, { wallNowMs: NOW_MS }))).toBe(
      'ERR_REALM_CANNOT_ISSUE',
    )
    const membership = issueMembership(realm, node, { wallNowMs: NOW_MS })
    expect(() => checkMembership(checker, membership, node, NOW_MS)).not.toThrow()
    expect(formatRealm(checker)).toBe(text)
  })

  it.each<[string, (f: RealmFile) => unknown, string]>([
    ['another format', (f) => ({ ...f, format: 'fovea-realm/2' }), 'format'],
    ['no format', (f) => ({ ...f, format: undefined }), 'format'],
    ['a bad name', (f) => ({ ...f, name: 'No' }), 'name'],
    ['another name than its id', (f) => ({ ...f, name: 'org.other' }), 'id'],
    ['an unknown field', (f) => ({ ...f, polcy: {} }), 'polcy'],
    ['no authority', (f) => ({ ...f, authority: undefined }), 'authority'],
    [
      'a short public key',
      (f) => ({ ...f, authority: { publicKey: 'ab' } }),
      'authority.publicKey',
    ],
    [
      'a private key that is none',
      (f) => ({ ...f, authority: { ...f.authority, privateKey: 'x' } }),
      'authority.privateKey',
    ],
    [
      'a private key that is no text',
      (f) => ({ ...f, authority: { ...f.authority, privateKey: 5 } }),
      'authority.privateKey',
    ],
    [
      'a private key of another kind',
      (f) => ({ ...f, authority: { ...f.authority, privateKey: p256Pem() } }),
      'authority.privateKey',
    ],
    [
      'the private key of another',
      (f) => ({
        ...f,
        authority: { ...f.authority, privateKey: generateNodeKeys().privateKeyPem },
      }),
      'authority.privateKey',
    ],
    ['a policy without grants', (f) => ({ ...f, policy: {} }), 'policy.grants'],
    [
      'an unknown action',
      (f) => ({ ...f, policy: { grants: { spwan: ['member'] } } }),
      'policy.grants.spwan',
    ],
    [
      'an unknown subject',
      (f) => ({ ...f, policy: { grants: { spawn: ['everybody'] } } }),
      'policy.grants.spawn',
    ],
    [
      'a grant that is no list',
      (f) => ({ ...f, policy: { grants: { call: 'member' } } }),
      'policy.grants.call',
    ],
    [
      '257 subjects',
      (f) => ({ ...f, policy: { grants: { call: Array.from({ length: 257 }, () => 'member') } } }),
      'policy.grants.call',
    ],
    [
      'an own __proto__',
      (f) => JSON.parse(JSON.stringify(f).replace('{', '{"__proto__":{},')) as unknown,
      '__proto__',
    ],
    ['a list', () => [], ''],
  ])('with %s is refused by the name of the field', async (_, change, field) => {
    expect(await refusal(() => loadRealm(change(file()) as object))).toBe(
      `ERR_REALM_FILE_INVALID ${field}`.trim(),
    )
  })

  it('names the file, and never quotes the private key', async () => {
    const path = join(dir, 'broken.json')
    const text = formatRealm(realm)
    const secret = /PRIVATE KEY-----\\n(.+?)\\n/.exec(text)?.[1] ?? ''
    expect(secret.length).toBeGreaterThan(40)
    const broken = [text.slice(0, -5), text.replace('MC4', 'XC4'), text.replace('publicKey', 'key')]
    broken.push('{"a":1', 'null', '')
    for (const content of broken) {
      await writeFile(path, content)
      const error = await loadRealm(path).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(RealmError)
      expect((error as RealmError).code).toBe('ERR_REALM_FILE_INVALID')
      expect((error as RealmError).message).toContain(path)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret)
    }
  })

  it('that is not there or is a directory says so', async () => {
    expect(await refusal(() => loadRealm(join(dir, 'none.json')))).toBe('ERR_REALM_FILE_UNREADABLE')
    expect(await refusal(() => loadRealm(dir))).toBe('ERR_REALM_FILE_UNREADABLE')
  })

  it('may have 65,536 characters and no more', async () => {
    const path = join(dir, 'long.json')
    const text = formatRealm(realm)
    await writeFile(path, text + ' '.repeat(65_536 - text.length))
    expect((await loadRealm(path)).idHex).toBe(realm.idHex)
    await writeFile(path, text + ' '.repeat(65_537 - text.length))
    expect(await refusal(() => loadRealm(path))).toBe('ERR_REALM_FILE_INVALID')
  })

  it('denies what its policy leaves out', async () => {
    const loaded = await loadRealm({ ...file(), policy: { grants: { call: ['role:ops'] } } })
    expect(loaded.policy.grants).toEqual({ spawn: [], erpc: [], call: ['role:ops'], publish: [] })
  })
})

describe('a membership', () => {
  const issue = (options = {}) => issueMembership(realm, node, { wallNowMs: NOW_MS, ...options })
  const check = (membership: unknown, nowMs = NOW_MS, key = node) =>
    refusal(() => checkMembership(realm, membership, key, nowMs))

  it('is good for its node, in its time, and survives the codec and its file', async () => {
    const membership = issue({ roles: ['ops', 'db', 'ops'] })
    const codec = new Codec()
    const sent = codec.decode(codec.encode(membership))
    const stored = parseMembershipFile(formatMembership(membership))
    for (const form of [membership, sent, stored]) expect(await check(form)).toBe('good')
    expect(checkMembership(realm, sent, node, NOW_MS).roles).toEqual(['db', 'ops'])
  })

  it('MG19 H4 of another realm is refused, also of one with the same name', async () => {
    const twin = createRealm(realm.name)
    const membership = issueMembership(twin, node, { wallNowMs: NOW_MS })
    expect(await check(membership)).toBe('ERR_REALM_MISMATCH')
    expect(await check({ ...membership, realmId: realm.id })).toBe('ERR_REALM_SIGNATURE')
  })

  it('H32 of another node is refused', async () => {
    expect(await check(issue(), NOW_MS, other)).toBe('ERR_REALM_NODE_KEY')
    expect(await check({ ...issue(), nodeKey: other.bytes }, NOW_MS, other)).toBe(
      'ERR_REALM_SIGNATURE',
    )
  })

  it('is valid from an hour before its issue to its end, give or take the clock skew', async () => {
    const membership = issue({ validMs: HOUR_MS })
    expect(await check(membership, NOW_MS - HOUR_MS - SKEW_MS)).toBe('good')
    expect(await check(membership, NOW_MS - HOUR_MS - SKEW_MS - 1)).toBe('ERR_REALM_NOT_YET_VALID')
    expect(await check(membership, NOW_MS + HOUR_MS + SKEW_MS)).toBe('good')
    expect(await check(membership, NOW_MS + HOUR_MS + SKEW_MS + 1)).toBe('ERR_REALM_EXPIRED')
  })

  it('cannot be changed in any field', async () => {
    const membership = issue({ roles: ['db'] })
    const changed: Membership[] = [
      { ...membership, notBeforeMs: membership.notBeforeMs + 1 },
      { ...membership, notAfterMs: membership.notAfterMs + 1 },
      { ...membership, roles: ['db', 'ops'] },
      { ...membership, roles: [] },
      {
        ...membership,
        signature: membership.signature.map((byte, at) => (at === 5 ? byte ^ 1 : byte)),
      },
    ]
    for (const form of changed) expect(await check(form)).toBe('ERR_REALM_SIGNATURE')
  })

  it('is signed over bytes that no other membership and no other purpose has', () => {
    const base = { realmId: realm.id, nodeKey: node.bytes, notBeforeMs: 1, notAfterMs: 2 }
    const role = fc.stringMatching(/^[a-z]{1,3}$/)
    const roles = fc.uniqueArray(role, { maxLength: 4 }).map((list) => list.sort())
    fc.assert(
      fc.property(roles, roles, (a, b) => {
        const [bytesA, bytesB] = [a, b].map((list) => membershipBytes({ ...base, roles: list }))
        expect(Buffer.compare(bytesA!, bytesB!) === 0).toBe(a.join() === b.join())
      }),
    )
    const bytes = membershipBytes({ ...base, roles: [] })
    expect(Buffer.from(bytes.subarray(0, 19)).toString('latin1')).toBe('fovea membership 1\0')
    expect(bytes.length).toBe(19 + 32 + 32 + 16 + 1)
  })

  it.each<[string, object, string]>([
    ['no realm id', { realmId: undefined }, 'realmId'],
    ['a realm id in hex', { realmId: 'ab'.repeat(32) }, 'realmId'],
    ['a node key of 31 bytes', { nodeKey: new Uint8Array(31) }, 'nodeKey'],
    ['a negative time', { notBeforeMs: -1 }, 'notBeforeMs'],
    ['a time that is no whole number', { notAfterMs: 1.5 }, 'notAfterMs'],
    ['a time beyond 2^53', { notAfterMs: 2 ** 53 }, 'notAfterMs'],
    ['a bigint time', { notAfterMs: 5n }, 'notAfterMs'],
    ['roles that are no list', { roles: 'db' }, 'roles'],
    ['roles out of order', { roles: ['b', 'a'] }, 'roles'],
    ['a role twice', { roles: ['a', 'a'] }, 'roles'],
    ['a role with a space', { roles: ['a b'] }, 'roles'],
    [
      '17 roles',
      { roles: Array.from({ length: 17 }, (_, i) => `r${String(i).padStart(2, '0')}`) },
      'roles',
    ],
    ['a short signature', { signature: new Uint8Array(63) }, 'signature'],
  ])('with %s is malformed', async (_, change, field) => {
    expect(await check({ ...issue(), ...change })).toBe(`ERR_REALM_MEMBERSHIP_MALFORMED ${field}`)
  })

  it('may have 16 roles', async () => {
    const roles = Array.from({ length: 16 }, (_, index) => `role-${index}`)
    expect(await check(issue({ roles }))).toBe('good')
    expect(await refusal(() => issue({ roles: [...roles, 'more'] }))).toBe(
      'ERR_REALM_MEMBERSHIP_MALFORMED roles',
    )
  })

  it('of any shape gives nothing but a RealmError', async () => {
    const fields = fc.record(
      {
        realmId: fc.oneof(fc.constant(realm.id), fc.anything()),
        nodeKey: fc.oneof(fc.constant(node.bytes), fc.anything()),
        notBeforeMs: fc.oneof(fc.constant(0), fc.anything()),
        notAfterMs: fc.oneof(fc.constant(NOW_MS), fc.anything()),
        roles: fc.oneof(fc.constant([]), fc.anything()),
        signature: fc.oneof(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.anything()),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.anything(), fields), async (value) => {
        expect(await check(value)).toMatch(/^ERR_REALM_/)
      }),
      { numRuns: 1000 },
    )
  })

  it('file that is damaged is malformed', async () => {
    const text = formatMembership(issue())
    const damaged = ['', '{', 'null', '[]', '{}', text.replace('membership/1', 'membership/9')]
    damaged.push(
      text.replace(/"signature": "../, '"signature": "zz'),
      text.replace(/"nodeKey": ".*"/, '"nodeKey": 5'),
    )
    for (const content of damaged) {
      expect(await refusal(() => parseMembershipFile(content))).toMatch(
        /^ERR_REALM_MEMBERSHIP_MALFORMED/,
      )
    }
  })
})

describe('a policy', () => {
  it('grants to every member, to roles and to nodes, and denies the rest', () => {
    const policy = {
      grants: { spawn: ['role:ops'], erpc: [`node:${node.hex}`], call: ['member'], publish: [] },
    }
    expect(isGranted(policy, 'call', other, [])).toBe(true)
    expect(isGranted(policy, 'spawn', other, ['ops'])).toBe(true)
    expect(isGranted(policy, 'spawn', other, ['op', 'role:ops'])).toBe(false)
    expect(isGranted(policy, 'erpc', node, [])).toBe(true)
    expect(isGranted(policy, 'erpc', other, [node.hex])).toBe(false)
    expect(isGranted(policy, 'publish', node, ['ops'])).toBe(false)
  })

  it('that fovea realm create writes grants everything to members', () => {
    for (const action of ['spawn', 'erpc', 'call', 'publish'] as const) {
      expect(isGranted(OPEN_POLICY, action, other, [])).toBe(true)
    }
  })

  it('knows three forms of subject', () => {
    for (const good of ['member', 'role:a', `node:${'0'.repeat(64)}`])
      expect(isPolicySubject(good)).toBe(true)
    for (const bad of ['', 'members', 'role:', 'role:A', 'node:00', 5, null])
      expect(isPolicySubject(bad)).toBe(false)
  })
})
