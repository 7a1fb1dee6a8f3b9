#!/usr/bin/env node
/**
 * The `fovea` program: the real clock, the real terminal, the real signals. Everything else takes
 * them as parameters.
 *
 * It ends by having nothing left to do; should something keep it alive after its command is done, it
 * is ended after a moment with the exit code it has.
 */
import { isatty } from 'node:tty'
import { createRealClock, createSystemEntropy } from '../../runtime/index.ts'
import type { CliIo, StopCause } from './io.ts'
import { printFailure, runCli } from './run.ts'

const LINGER_MS = 1000

const clock = createRealClock()
const io: CliIo = {
  clock,
  entropy: createSystemEntropy(),
  env: process.env,
  terminal: isatty(1),
  // 0 where a terminal does not say.
  terminalRows: () => (isatty(1) && process.stdout.rows > 0 ? process.stdout.rows : Infinity),
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  onStop: stopSignals(),
  onOutputGone: (handler) => {
    process.stdout.on('error', handler)
    return () => void process.stdout.off('error', handler)
  },
  exitNow: (code) => process.exit(code),
}

/**
 * Tells all who listen now; a command may begin to listen for one thing after the other. Signal listeners stay when nobody
 * does any more: without them a second Ctrl-C that comes between the end of the command and the end of the program would
 * kill it by the signal, and hide its exit code.
 */
function stopSignals(): CliIo['onStop'] {
  const handlers = new Set<(cause: StopCause) => void>()
  const tell = (cause: StopCause): void => {
    for (const handler of Array.from(handlers)) handler(cause)
  }
  const stop = (cause: StopCause): void => {
    if (handlers.size === 0) process.exit()
    tell(cause)
  }
  let isListening = false
  const listen = (): void => {
    isListening = true
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    // Only when started by another Node program with an IPC channel, as `fovea demo` does.
    if (process.channel !== undefined) process.once('disconnect', () => tell('parent_gone'))
  }
  return (handler) => {
    if (!isListening) listen()
    const entry = (cause: StopCause): void => handler(cause)
    handlers.add(entry)
    return () => void handlers.delete(entry)
  }
}

const argv = process.argv.slice(2)
const format = { json: argv.includes('--json'), debug: argv.includes('--debug') }

// A reader that went away (`fovea demo | head`) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
process.on('uncaughtException', (error) => {
  printFailure(io, error, format)
  process.exit(1)
})

void runCli(argv, io).then((code) => {
  process.exitCode = code
  process.channel?.unref()
  clock.setTimer(LINGER_MS, () => process.exit(code)).unref()
})
