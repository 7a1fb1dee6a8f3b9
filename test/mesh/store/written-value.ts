/** What the writer of the kill test writes, and how a reader recognises it. */
import { mix } from '../../../mesh/machine/mix.ts'

const HEAD_BYTES = 4

/** Bytes that tell the counter and are all different for another key, counter or length. */
export function valueOf(key: string, counter: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + length)
  bytes.writeUInt32BE(counter)
  const salt = mix(counter ^ (key.length << 24) ^ Number(key.slice(4)))
  for (let i = 0; i < length; i++) bytes[HEAD_BYTES + i] = mix(salt + i)
  return bytes
}

/** The counter of such a value; undefined when it is not exactly what was written under `key`. */
export function counterOf(key: string, value: Uint8Array): number | undefined {
  const counter = Buffer.from(value).readUInt32BE()
  const expected = valueOf(key, counter, value.length - HEAD_BYTES)
  return Buffer.compare(expected, value) === 0 ? counter : undefined
}
