/**
 * Texts of others on a terminal. What peers publish, answer, track or fail with may hold characters that a terminal obeys
 * instead of showing: colours, the title, the cursor, lines that look like ours, or text that reads backwards (CWE-150).
 * They are shown as in source code. With `--json` nothing is lost: there they are escaped by JSON.
 */

/** Control characters, the separators of lines, and what turns the direction of text. */
const OBEYED = /[\p{Cc}\u2028\u2029]|\p{Bidi_Control}/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** `text` on one line, without anything that a terminal obeys. */
export function printable(text: string): string {
  return text.replaceAll(
    OBEYED,
    (character) =>
      SHORT[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}
