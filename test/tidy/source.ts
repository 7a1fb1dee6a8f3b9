/**
 * A source text with its comments and strings told apart, for checks that read code by pattern.
 * TypeScript 7 has no compiler API, so this is a scanner of our own: it knows comments, strings,
 * templates with nested `${}` and regular expressions, and nothing else about the language.
 *
 * Invariant: `code` and `plain` have the length and the line breaks of `text`, so an index found in
 * one is the same place in the others.
 */

/** One file, as the checks see it. */
export interface Source {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** Comments and the insides of strings, templates and regular expressions are spaces. */
  readonly code: string
  /** Only comments are spaces. */
  readonly plain: string
}

/** A broken rule: where and what. */
export type Violation = string

type Mask = 'comment' | 'literal'

/** Words after which `/` begins a regular expression although they look like operands. */
const REGEX_MAY_FOLLOW =
  /(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield|instanceof)$/

/** Scans `text`. Never fails: an unclosed literal ends with the text. */
export function readSource(path: string, text: string): Source {
  const code = [...splitUnits(text)]
  const plain = [...code]
  const blank = (from: number, to: number, mask: Mask): void => {
    for (let i = from; i < to; i++) {
      if (text[i] === '\n') continue
      code[i] = ' '
      if (mask === 'comment') plain[i] = ' '
    }
  }
  new Scanner(text, blank).run()
  return { path, text, code: code.join(''), plain: plain.join('') }
}

/** UTF-16 units, not code points: indexes must stay those of the text. */
function* splitUnits(text: string): Iterable<string> {
  for (let i = 0; i < text.length; i++) yield text.charAt(i)
}

class Scanner {
  readonly #text: string
  readonly #blank: (from: number, to: number, mask: Mask) => void
  /** Depth of `{` at which each open template goes on. */
  readonly #templates: number[] = []
  #depth = 0
  #at = 0

  constructor(text: string, blank: (from: number, to: number, mask: Mask) => void) {
    this.#text = text
    this.#blank = blank
  }

  run(): void {
    if (this.#text.startsWith('#!')) this.#comment(this.#endOfLine())
    while (this.#at < this.#text.length) this.#step()
  }

  #step(): void {
    const text = this.#text
    const char = text.charAt(this.#at)
    const pair = text.slice(this.#at, this.#at + 2)
    if (pair === '//') this.#comment(this.#endOfLine())
    else if (pair === '/*') this.#comment(this.#after('*/', this.#at + 2))
    else if (char === "'" || char === '"') this.#literal(this.#endOfString(char))
    else if (char === '`') this.#template(this.#at + 1)
    else if (char === '/' && this.#regexMayStart()) this.#literal(this.#endOfRegex())
    else if (char === '}' && this.#depth === this.#templates.at(-1)) {
      this.#templates.pop()
      this.#template(this.#at + 1)
    } else {
      if (char === '{') this.#depth++
      if (char === '}') this.#depth--
      this.#at++
    }
  }

  #endOfLine(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end === -1 ? this.#text.length : end
  }

  #after(mark: string, from: number): number {
    const end = this.#text.indexOf(mark, from)
    return end === -1 ? this.#text.length : end + mark.length
  }

  #comment(end: number): void {
    this.#blank(this.#at, end, 'comment')
    this.#at = end
  }

  /** Blanks what is between the delimiters, which stay. */
  #literal(end: number): void {
    this.#blank(this.#at + 1, Math.max(this.#at + 1, end - 1), 'literal')
    this.#at = end
  }

  #endOfString(quote: string): number {
    let i = this.#at + 1
    while (i < this.#text.length && this.#text[i] !== quote && this.#text[i] !== '\n') {
      i += this.#text[i] === '\\' ? 2 : 1
    }
    return Math.min(i + 1, this.#text.length)
  }

  /** The text part of a template from `from` to its end or to the next `${`. */
  #template(from: number): void {
    let i = from
    while (i < this.#text.length && this.#text[i] !== '`' && !this.#text.startsWith('${', i)) {
      i += this.#text[i] === '\\' ? 2 : 1
    }
    this.#blank(from, Math.min(i, this.#text.length), 'literal')
    if (this.#text.startsWith('${', i)) {
      this.#templates.push(this.#depth)
      this.#at = i + 2
    } else this.#at = i + 1
  }

  #regexMayStart(): boolean {
    const before = this.#text.slice(Math.max(0, this.#at - 64), this.#at).trimEnd()
    const last = before.at(-1)
    if (last === undefined) return true
    if (/[\w$]/.test(last)) return REGEX_MAY_FOLLOW.test(before)
    return !/[)\]}'"`]/.test(last)
  }

  #endOfRegex(): number {
    let inClass = false
    let i = this.#at + 1
    for (; i < this.#text.length && this.#text[i] !== '\n'; i++) {
      const char = this.#text[i]
      if (char === '\\') i++
      else if (char === '[') inClass = true
      else if (char === ']') inClass = false
      else if (char === '/' && !inClass) return i + 1
    }
    return Math.min(i, this.#text.length)
  }
}

/** The line of an index, from 1. */
export function lineAt(source: Source, index: number): number {
  let line = 1
  for (let i = 0; i < index; i++) if (source.text.charCodeAt(i) === 10) line++
  return line
}

/** `path:line message`. */
export function violation(source: Source, index: number, message: string): Violation {
  return `${source.path}:${lineAt(source, index)} ${message}`
}

/** Every match of `pattern` in the code (not in comments or strings) as a violation. */
export function matches(source: Source, pattern: RegExp, message: string): Violation[] {
  return [...source.code.matchAll(new RegExp(pattern.source, withFlag(pattern.flags, 'g')))].map(
    (match) => violation(source, match.index, message.replaceAll('$&', match[0].trim())),
  )
}

function withFlag(flags: string, flag: string): string {
  return flags.includes(flag) ? flags : flags + flag
}

/** The index of the bracket that closes the one at `open`, or the end of the code. */
export function closing(code: string, open: number): number {
  let depth = 0
  for (let i = open; i < code.length; i++) {
    const char = code.charAt(i)
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char) && --depth === 0) return i
  }
  return code.length
}
