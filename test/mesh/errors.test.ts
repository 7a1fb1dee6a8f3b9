import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { MESH_ERROR_PARTS, MESH_ERRORS } from '../../mesh/errors.ts'

describe('the error catalogue of the mesh', () => {
  it('has every code once', () => {
    const codes = MESH_ERROR_PARTS.flatMap((part) => Object.keys(part))
    expect(new Set(codes).size).toBe(codes.length)
    expect(Object.keys(MESH_ERRORS).sort()).toEqual(codes.sort())
  })

  it('says of each code when, what changed, whether to retry and what to do', () => {
    for (const [code, entry] of Object.entries(MESH_ERRORS)) {
      expect(code).toMatch(/^ERR_[A-Z0-9_]+$/)
      for (const text of [entry.when, entry.stateChanged, entry.retry, entry.action]) {
        expect(text.length, code).toBeGreaterThan(1)
      }
    }
  })

  it('is in the README', async () => {
    const readme = await readFile(new URL('../../mesh/README.md', import.meta.url), 'utf8')
    const missing = Object.keys(MESH_ERRORS).filter((code) => !readme.includes(`\`${code}\``))
    expect(missing).toEqual([])
  })

  it('is written there without a quote that is left open', async () => {
    const readme = await readFile(new URL('../../mesh/README.md', import.meta.url), 'utf8')
    const rows = readme.split('\n').filter((line) => line.startsWith('|'))
    expect(rows.filter((row) => row.split('`').length % 2 === 0)).toEqual([])
  })
})
