/** How the place of a value inside another one is written in errors: `input.items[3].callback`. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
const KEY_CHARACTERS_MAX = 40

/**
 * The path through the first `depth` of `containers`, each with the place where it was left: a key
 * of an object, an index of an array or Set, twice the index of a Map entry (plus one for its value),
 * or nothing for an object that an extension stands for.
 */
export function formatPath(
  root: string,
  containers: readonly object[],
  places: readonly (string | number)[],
  depth: number,
): string {
  let path = root
  for (let i = 0; i < depth; i++) {
    const place = places[i]
    if (typeof place === 'string') {
      if (place === '') path += containerIsRecord(containers[i]) ? '[""]' : ''
      else if (IDENTIFIER.test(place)) path += path === '' ? clip(place) : `.${clip(place)}`
      else path += `[${JSON.stringify(clip(place))}]`
    } else if (place !== undefined) {
      path += indexStep(containers[i], place)
    }
  }
  return path
}

function containerIsRecord(container: object | undefined): boolean {
  if (container === undefined) return false
  const prototype: unknown = Object.getPrototypeOf(container)
  return prototype === null || prototype === Object.prototype
}

function indexStep(container: object | undefined, place: number): string {
  if (container instanceof Set) return `.values()[${place}]`
  if (!(container instanceof Map)) return `[${place}]`
  const index = place >>> 1
  if (place % 2 === 0) return `.keys()[${index}]`
  const key: unknown = [...container.keys()][index]
  if (typeof key === 'string') return `.get(${JSON.stringify(clip(key))})`
  return typeof key === 'number' ? `.get(${key})` : `.values()[${index}]`
}

function clip(text: string): string {
  return text.length > KEY_CHARACTERS_MAX ? `${text.slice(0, KEY_CHARACTERS_MAX)}…` : text
}
