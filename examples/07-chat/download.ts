/** Gets a file that somebody shares. It is there under its name when it is whole, and not before. */
import { createHash, randomUUID } from 'node:crypto'
import { link, open, rm } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { Mesh } from 'fovea/mesh'
import { printable } from '../printable.ts'
import type { SharedFile } from './line.ts'
import { FILE } from './names.ts'

/** Other names that are tried when a file of that name is there. */
const NAMES_MAX = 100

/** Where it comes from and where it goes. */
export interface Download {
  readonly mesh: Mesh
  readonly file: SharedFile
  readonly node: string
  readonly folder: string
}

/** Resolves with its path. Rejects when it does not come, or is not what was announced; nothing is left then. */
export async function download({ mesh, file, node, folder }: Download): Promise<string> {
  const part = join(folder, `.${randomUUID()}.part`)
  const disk = await open(part, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    let bytes = 0
    const pieces = mesh.rpc.stream<unknown>(FILE, file.id, { mode: 'server', node })
    for await (const piece of pieces) {
      if (!(piece instanceof Uint8Array)) throw new Error('what comes is no file')
      bytes += piece.length
      if (bytes > file.bytes) throw new Error('more comes than was announced')
      hash.update(piece)
      await disk.write(piece)
    }
    await pieces.result
    const isWhole = bytes === file.bytes && hash.digest('hex') === file.sha256
    if (!isWhole) throw new Error('it is not the file that was announced')
    return await named(part, folder, file.name)
  } finally {
    await disk.close()
    await rm(part)
  }
}

/** Gives it its name, or one like it: nothing that is there is replaced. The name is another one's word: no path. */
async function named(part: string, folder: string, wanted: string): Promise<string> {
  const plain = basename(printable(wanted).replaceAll('\\', '/')).replace(/^\.+/, '') || 'file'
  const end = extname(plain)
  const stem = plain.slice(0, plain.length - end.length)
  for (let n = 0; n < NAMES_MAX; n++) {
    const path = join(folder, n === 0 ? plain : `${stem}-${n}${end}`)
    try {
      await link(part, path)
      return path
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'EEXIST') throw error
    }
  }
  throw new Error(`there are ${NAMES_MAX} files called ${plain}`)
}
