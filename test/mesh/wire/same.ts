/**
 * Whether two values are the same to the last detail: prototypes, -0, NaN, the order of keys, of Map
 * entries and of Set values. (`toStrictEqual` stumbles over own keys named `constructor`.)
 */
export function firstDifference(a: unknown, b: unknown, path = '$'): string | undefined {
  if (Object.is(a, b)) return undefined
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return path
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path} (prototype)`
  const contents = [contentOf(a), contentOf(b)] as const
  if (contents[0].length !== contents[1].length) return `${path} (size)`
  for (let i = 0; i < contents[0].length; i++) {
    const difference = firstDifference(contents[0][i], contents[1][i], `${path}/${i}`)
    if (difference !== undefined) return difference
  }
  return undefined
}

function contentOf(value: object): readonly unknown[] {
  if (value instanceof Date) return [value.getTime()]
  if (value instanceof Map) return [...value].flat()
  if (value instanceof Set) return [...value]
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)]
  if (ArrayBuffer.isView(value)) {
    return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
  }
  return Object.entries(value).flat()
}
