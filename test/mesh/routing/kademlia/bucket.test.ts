import { describe, expect, it } from 'vitest'
import { Bucket, BucketEntry } from '../../../../mesh/routing/kademlia/bucket.ts'
import { contactOf, keyOf } from './keys.ts'

const entry = (n: number, answeredMs: number): BucketEntry =>
  new BucketEntry(contactOf(keyOf(BigInt(n))), answeredMs, -1, undefined)
const numbers = (entries: readonly BucketEntry[]): number[] =>
  entries.map(({ contact }) => Number(`0x${contact.id}`))

describe('Bucket', () => {
  it('K6 keeps entries in the order of their last answer', () => {
    const bucket = new Bucket()
    const first = entry(1, 10)
    for (const each of [first, entry(2, 30), entry(3, 20), entry(4, 20)]) bucket.insert(each)
    expect(numbers(bucket.entries)).toEqual([1, 3, 4, 2])
    bucket.answered(first, 30)
    expect(numbers(bucket.entries)).toEqual([3, 4, 2, 1])
  })

  it('K6 keeps replacements newest first and no more than allowed', () => {
    const bucket = new Bucket()
    expect([1, 2, 1, 3].map((n) => bucket.keep(entry(n, n), 2))).toEqual([1, 1, 0, 0])
    expect(numbers(bucket.replacements)).toEqual([3, 1])
    expect(new Bucket().keep(entry(4, 4), 0)).toBe(0)
  })

  it('K8 gives the newest replacement that is allowed', () => {
    const bucket = new Bucket()
    for (const n of [1, 2, 3]) bucket.keep(entry(n, n), 3)
    expect(bucket.take(({ answeredMs }) => answeredMs < 3)?.answeredMs).toBe(2)
    expect(bucket.take(() => false)).toBeUndefined()
    expect(numbers(bucket.replacements)).toEqual([3, 1])
  })

  it('K8 names the failed entry whose answer is the longest ago', () => {
    const bucket = new Bucket()
    const failed = entry(2, 20)
    for (const each of [entry(1, 10), failed, entry(3, 30)]) bucket.insert(each)
    expect(bucket.oldestFailed()).toBeUndefined()
    failed.failed = true
    expect(bucket.oldestFailed()).toBe(failed)
  })
})
