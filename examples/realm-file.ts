/** One realm for all processes of an example: its file is made by whoever comes first. */
import { writeFile } from 'node:fs/promises'
import { createRealm, formatRealm } from 'fovea/mesh'

/** Makes the file, unless it is there. Whoever can read it can let nodes in, so it is nobody else's. */
export async function makeRealm(path: string, name: string): Promise<void> {
  try {
    await writeFile(path, formatRealm(createRealm(name)), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as { readonly code?: string }).code !== 'EEXIST') throw error
  }
}
