import { describe, expect, it } from 'vitest'
import { contract, isRef, type Contract, type Ref } from '../../behaviours/index.ts'
import { ContractTable } from '../../dist/contract-table.ts'
import { createSystem, type Pid } from '../../runtime/index.ts'

interface Api {
  call: { get(): number }
  cast: { put(n: number): void }
}
const named = (name: string): Contract<Api> =>
  contract(name, { call: { get: true }, cast: { put: true } })

const pid = (): Pid => createSystem({ node: 'x' }).pidFor('elsewhere', 1, 1)

describe('ContractTable', () => {
  it('gives a ref of a known contract', () => {
    const table = new ContractTable()
    const counter = named('counter/1')
    table.learn(counter)
    expect(table.get('counter/1')).toBe(counter)
    const ref = table.refTo(pid(), 'counter/1') as Ref<Api>
    expect(ref.contract).toBe('counter/1')
    expect(typeof ref.call.get).toBe('function')
    expect(table.mismatch('counter/1')).toBeUndefined()
  })

  it('gives a bare ref with its name for an unknown contract', () => {
    const table = new ContractTable()
    const ref = table.refTo(pid(), 'counter/1')
    expect(isRef(ref)).toBe(true)
    expect([ref.contract, Object.keys(ref.call)]).toEqual(['counter/1', []])
    expect(table.mismatch('counter/1')).toBeUndefined()
  })

  it('gives a ref whose every use fails for another major version of a known contract', async () => {
    const table = new ContractTable()
    table.learn(named('counter/1'))
    const ref = table.refTo(pid(), 'counter/2') as Ref<Api>
    expect(isRef(ref)).toBe(true)
    expect(ref.contract).toBe('counter/2')
    await expect(ref.call.get()).rejects.toMatchObject({
      code: 'ERR_CONTRACT_VERSION',
      known: 'counter/1',
      received: 'counter/2',
    })
    expect(ref.cast.put(1)).toBe(false)
    expect(table.mismatch('counter/2')?.code).toBe('ERR_CONTRACT_VERSION')
  })

  it('knows two versions at once', () => {
    const table = new ContractTable()
    const [one, two] = [named('counter/1'), named('counter/2')]
    table.learn(one)
    table.learn(two)
    expect([table.get('counter/1'), table.get('counter/2')]).toEqual([one, two])
    expect(table.mismatch('counter/1')).toBeUndefined()
  })

  it('gives a ref to be used by a contract, unless the process speaks another major version of it', async () => {
    const table = new ContractTable()
    const [one, two] = [named('counter/1'), named('counter/2')]
    table.learn(one)
    table.learn(two)
    for (const spoken of [undefined, 'counter/1', 'tally/2']) {
      expect(table.refAs(pid(), one, spoken).contract).toBe('counter/1')
    }
    const ref = table.refAs(pid(), two, 'counter/1')
    await expect(ref.call.get()).rejects.toMatchObject({
      ...{ code: 'ERR_CONTRACT_VERSION', known: 'counter/2', received: 'counter/1' },
    })
    expect(ref.cast.put(1)).toBe(false)
  })

  it('keeps the first contract of a name', () => {
    const table = new ContractTable()
    const first = named('counter/1')
    table.learn(first)
    table.learn(named('counter/1'))
    expect(table.get('counter/1')).toBe(first)
  })

  it('forgets the oldest above its limit of 4,096', () => {
    const table = new ContractTable()
    for (let i = 0; i < 4096; i++) table.learn(named(`c${i}/1`))
    expect(table.get('c0/1')).toBeDefined()
    table.learn(named('c4096/1'))
    expect(table.get('c0/1')).toBeUndefined()
    expect(table.get('c1/1')).toBeDefined()
    expect(table.mismatch('c0/2')).toBeUndefined()
  })
})
