/**
 * Runs library code in another OS process. Node 20 does not run TypeScript, so the sources are
 * compiled once into a temporary directory, without type checks (0.3 s).
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Compiled sources and the children that run them. */
export class Compiled {
  readonly #directory: string
  readonly #children = new Set<ChildProcess>()

  /** Compiles `entries` (paths from the repository's root) and what they import. */
  constructor(entries: readonly string[]) {
    this.#directory = mkdtempSync(join(tmpdir(), 'fovea-compiled-'))
    const config = join(this.#directory, 'tsconfig.json')
    const compilerOptions = {
      noEmit: false,
      noCheck: true,
      rootDir: ROOT,
      outDir: this.#directory,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    }
    const files = entries.map((entry) => join(ROOT, entry))
    const extended = join(ROOT, 'tsconfig.json')
    writeFileSync(
      config,
      JSON.stringify({ extends: extended, compilerOptions, files, include: [] }),
    )
    writeFileSync(join(this.#directory, 'package.json'), '{"type":"module"}')
    symlinkSync(join(ROOT, 'node_modules'), join(this.#directory, 'node_modules'))
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const result = spawnSync(process.execPath, [compiler, '-p', config], { encoding: 'utf8' })
    if (result.status !== 0) throw new Error(`tsc failed: ${result.stdout}${result.stderr}`)
  }

  /** Where the compiled `entry` is. */
  file(entry: string): string {
    return join(this.#directory, entry.replace(/\.ts$/, '.js'))
  }

  /** Starts `entry`; its messages come over IPC. */
  run(entry: string, args: readonly string[] = []): CompiledChild {
    const file = this.file(entry)
    const child = spawn(process.execPath, [file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return new CompiledChild(child)
  }

  /** Kills what still runs and removes the files. */
  close(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** A child process and what it has said. */
export class CompiledChild {
  readonly process: ChildProcess
  readonly messages: unknown[] = []
  exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  output = ''

  constructor(child: ChildProcess) {
    this.process = child
    child.on('message', (message) => this.messages.push(message))
    child.on('close', (code, signal) => void (this.exit = { code, signal }))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => void (this.output += text))
    }
  }
}
