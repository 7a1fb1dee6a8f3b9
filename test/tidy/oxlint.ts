/** Runs oxlint and reads its findings, for rules that need a syntax tree. */
import { spawnSync } from 'node:child_process'
import { join, relative, resolve } from 'node:path'
import { ROOT } from './files.ts'

/** One finding. */
export interface Finding {
  readonly path: string
  readonly line: number
  /** For example `eslint(max-lines-per-function)`. */
  readonly rule: string
  readonly message: string
}

interface Report {
  readonly number_of_files: number
  readonly diagnostics: readonly {
    readonly message: string
    readonly code: string
    readonly filename: string
    readonly labels: readonly { readonly span: { readonly line: number } }[]
  }[]
}

/** Lints `paths` in `cwd` with the configuration file `config`. */
export function runOxlint(
  cwd: string,
  config: string,
  paths: readonly string[],
): { readonly files: number; readonly findings: readonly Finding[] } {
  const bin = join(ROOT, 'node_modules', 'oxlint', 'bin', 'oxlint')
  const run = spawnSync(process.execPath, [bin, '-c', config, '-f', 'json', ...paths], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (!run.stdout.startsWith('{')) throw new Error(`oxlint did not run: ${run.stdout}${run.stderr}`)
  const report = JSON.parse(run.stdout) as Report
  const findings = report.diagnostics.map(({ message, code, filename, labels }) => ({
    path: relative(cwd, resolve(cwd, filename)).replaceAll('\\', '/'),
    line: labels[0]?.span.line ?? 0,
    rule: code,
    message,
  }))
  return { files: report.number_of_files, findings }
}
