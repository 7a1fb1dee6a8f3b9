/**
 * One run of the program: parse, do, report. Exit codes: 0 done, 1 failed (`ERR_CODE: message` on
 * standard error), 2 wrong arguments (message and usage). A stack trace is shown with `--debug` only.
 */
import { createRequire } from 'node:module'
import type { Command } from './command.ts'
import { InterruptedError, reportOf } from './errors.ts'
import type { CliIo } from './io.ts'
import { createOutput, type Output } from './output.ts'
import { printable } from './printable.ts'
import { parseArguments } from './program.ts'

/** Exit codes of the program. */
export const EXIT: Readonly<Record<'done' | 'failed' | 'usage', number>> = Object.freeze({
  done: 0,
  failed: 1,
  usage: 2,
})

/**
 * Runs the program with the arguments after its name; gives the exit code.
 *
 * @example
 * process.exitCode = await runCli(process.argv.slice(2), io)
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const json = argv.includes('--json')
  const parsed = parseArguments(argv, { version: packageVersion(), env: io.env })
  switch (parsed.type) {
    case 'shown':
      io.out(parsed.text)
      return EXIT.done
    case 'usage':
      printUsage(io, json, parsed.message, parsed.usage)
      return EXIT.usage
    case 'command':
      return await runCommand(parsed.command, io)
  }
}

async function runCommand(command: Command, io: CliIo): Promise<number> {
  const out = createOutput(io, { json: command.json })
  try {
    await dispatch(command, io, out)
    return EXIT.done
  } catch (error) {
    printFailure(io, error, command)
    return error instanceof InterruptedError ? error.exitCode : EXIT.failed
  }
}

/** Prints a failure in the form its user asked for. */
export function printFailure(
  io: CliIo,
  error: unknown,
  options: { readonly json: boolean; readonly debug: boolean },
): void {
  const report = reportOf(error)
  if (options.json) io.err(JSON.stringify({ error: report }))
  else {
    io.err(`${report.code}: ${report.message}`)
    if (report.hint !== undefined) io.err(`  hint: ${report.hint}`)
  }
  if (!options.debug || !(error instanceof Error) || error.stack === undefined) return
  for (const line of error.stack.split('\n')) io.err(printable(line))
}

function printUsage(io: CliIo, json: boolean, message: string, usage: string): void {
  if (json) io.err(JSON.stringify({ error: { code: 'ERR_CLI_USAGE', message, usage } }))
  else io.err(`error: ${message}\n${usage}`)
}

/** Each command is imported when it is used: help and mistakes answer at once. */
async function dispatch(command: Command, io: CliIo, out: Output): Promise<void> {
  switch (command.command) {
    case 'start':
      return await (await import('./commands/start.ts')).start(command, io, out)
    case 'demo':
      return await (await import('./commands/demo.ts')).demo(command, io, out)
    case 'realm create':
      return await (await import('./commands/realm.ts')).realmCreate(command, io, out)
    case 'realm issue':
      return await (await import('./commands/realm.ts')).realmIssue(command, io, out)
    case 'members':
      return await (await import('./commands/members.ts')).members(command, io, out)
    case 'events':
      return await (await import('./commands/members.ts')).events(command, io, out)
    case 'join':
      return await (await import('./commands/operations.ts')).join(command, io, out)
    case 'topology':
      return await (await import('./commands/operations.ts')).topology(command, io, out)
    case 'stats':
      return await (await import('./commands/operations.ts')).stats(command, io, out)
    case 'dht put':
    case 'dht get':
    case 'dht provide':
    case 'dht providers':
    case 'dht withdraw':
    case 'dht table':
    case 'dht lookup':
      return await (await import('./commands/dht.ts')).dht(command, io, out)
    case 'publish':
    case 'subscribe':
    case 'call':
    case 'advertise':
    case 'services':
    case 'topics':
    case 'presence':
      return await (await import('./commands/services.ts')).services(command, io, out)
    case 'ping':
      return await (await import('./commands/client.ts')).ping(command, io, out)
    case 'spawn':
      return await (await import('./commands/client.ts')).spawn(command, io, out)
    case 'ref call':
      return await (await import('./commands/client.ts')).refCall(command, io, out)
    case 'ref monitor':
      return await (await import('./commands/client.ts')).refMonitor(command, io, out)
  }
}

function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('fovea/package.json') as { version: string }
  return manifest.version
}
