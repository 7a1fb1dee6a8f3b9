/** What a thread that died leaves in its data directory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  createRealm,
  generateNodeKeys,
  openDataDir,
  releaseAfterThread,
} from '../../../mesh/index.ts'

it('is let go of by whoever saw it end: the same key, a higher incarnation, and nobody else is robbed', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'fovea-thread-'))
  const path = join(parent, '1')
  const content = {
    path,
    realmIdHex: createRealm('com.example').idHex,
    createKeys: generateNodeKeys,
  }
  const dead = await openDataDir(content)
  await expect(openDataDir(content)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_LOCKED' })
  await releaseAfterThread(path)
  const next = await openDataDir(content)
  expect(next.keys.nodeKey.hex).toBe(dead.keys.nodeKey.hex)
  expect(next.incarnation).toBeGreaterThan(dead.incarnation)
  // A lock of another process is not ours to break: process 1 lives and is not this one.
  const other = { pid: 1, bootId: '', startTicks: '', released: false }
  const name = `lock.${next.incarnation + 1}`
  await writeFile(join(path, name), JSON.stringify(other), { mode: 0o600 })
  await releaseAfterThread(path)
  await expect(openDataDir(content)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_LOCKED' })
  await rm(parent, { recursive: true })
})
