/** Compiles and runs programs made of examples, all in one run of the compiler and one process. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { defaultSystem } from '../../index.ts'
import { ROOT } from '../tidy/files.ts'

/** What the compiler says of the programs in the folder of `files`; empty if it is content. */
export async function compileErrors(files: readonly string[]): Promise<string> {
  const folder = dirname(files[0] ?? '')
  const config = join(folder, 'tsconfig.json')
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: { rootDir: '../..' },
      exclude: [],
      include: ['*.ts'],
    }),
  )
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', config, '--noEmit'], { cwd: folder })
    return ''
  } catch (error) {
    return (error as { readonly stdout: string }).stdout
  }
}

/** Runs one program to its end; gives how many processes it left behind in the default system. */
export async function leftBehind(file: string): Promise<number> {
  await import(pathToFileURL(file).href)
  await new Promise((resolve) => defaultSystem().clock.nextTurn(() => resolve(undefined)))
  const left = [...defaultSystem().processes()]
  for (const { pid } of left) defaultSystem().exit(pid, 'kill')
  return left.length
}
