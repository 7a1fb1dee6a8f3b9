/** The terminal: lines come in, lines go out, and what somebody is typing stays at the bottom. */
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** What the parts of the chat need to show something. */
export interface Screen {
  print(line: string): void
  /** Who is typing; nobody when the list is empty. */
  typing(nicks: readonly string[]): void
}

/** What a person does. */
export interface Hands {
  readonly line: (text: string) => void
  /** A key, but no end of a line yet. */
  readonly key: () => void
  /** Ctrl-C, Ctrl-D, or the end of the input. */
  readonly end: () => void
}

/** A screen that is open. */
export interface OpenScreen extends Screen {
  close(): void
}

/** Opens the screen. Without a terminal, so in a pipe, everything is a plain line. */
export function openScreen(input: Readable, output: Writable, hands: Hands): OpenScreen {
  const isTerminal = 'isTTY' in output && output.isTTY === true
  const reader = createInterface({
    ...{ input, terminal: isTerminal, prompt: '> ' },
    ...(isTerminal ? { output } : {}),
  })
  let isOpen = true
  const onKey = (typed: string | Uint8Array): void => {
    if (!/[\r\n/]/.test(String(typed))) hands.key()
  }
  input.on('data', onKey)
  reader.on('line', (text) => {
    hands.line(text)
    if (isTerminal) reader.prompt()
  })
  // In a terminal the interface takes Ctrl-C for itself.
  reader.on('SIGINT', () => hands.end())
  reader.on('close', () => {
    if (isOpen) hands.end()
  })
  // A reader at the other end of a pipe that is gone is no reason to crash.
  output.on('error', () => hands.end())
  const print = (line: string): void => {
    if (!isTerminal) return void output.write(`${line}\n`)
    output.write(`\r\u001B[K${line}\n`)
    reader.prompt(true)
  }
  return {
    print,
    typing: (nicks) => {
      const who = nicks.length === 0 ? '' : `${nicks.join(', ')} typing ...`
      if (!isTerminal) return who === '' ? undefined : print(`* ${who}`)
      reader.setPrompt(who === '' ? '> ' : `(${who}) > `)
      reader.prompt(true)
    },
    close: () => {
      isOpen = false
      input.off('data', onKey)
      reader.close()
      if (isTerminal) output.write('\r\u001B[K')
    },
  }
}
