/** Writing a file that must not be there yet and that nobody else may read. */
import { writeFile } from 'node:fs/promises'
import { CliError, systemCodeOf } from './errors.ts'

/** Writes `text` to a new file, mode 0600; rejects with `ERR_FILE_EXISTS` or `ERR_FILE_WRITE`. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'EEXIST') {
      throw new CliError('ERR_FILE_EXISTS', `${path} is there already and is not overwritten`, {
        cause: error,
      })
    }
    throw new CliError('ERR_FILE_WRITE', `cannot write ${path} (${code ?? 'unknown'})`, {
      cause: error,
    })
  }
}
