/**
 * Files that are shared. Only that a file is there is told to the room; its bytes travel when somebody gets it, as a stream
 * of pieces straight from the one who shares it, at the pace of the reader.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { defineServer, reply } from 'fovea'
import type { Mesh } from 'fovea/mesh'
import { FILE_BYTES_MAX } from './line.ts'
import type { SharedFile } from './line.ts'
import { FILE } from './names.ts'

const PIECE_BYTES = 32 * 1024

type Paths = ReadonlyMap<string, { readonly path: string; readonly file: SharedFile }>

/** Its state is what this node shares, by id. */
export const Files = defineServer({
  name: 'files/1',
  init: async (mesh: Mesh, ctx): Promise<Paths> => {
    const self = Files.contract.at(ctx.self.pid)
    await mesh.rpc.advertiseStream(FILE, async function* pieces(id: unknown) {
      const shared = await self.call.find(String(id))
      if (shared === undefined) throw new Error('that file is not shared any more')
      const last = Math.max(0, shared.file.bytes - 1)
      const read = createReadStream(shared.path, { end: last, highWaterMark: PIECE_BYTES })
      for await (const piece of read) yield new Uint8Array(piece as Uint8Array)
    })
    return new Map()
  },
  call: {
    find: (paths, id: string) => reply(paths.get(id), paths),
    share: (paths, shared: { readonly path: string; readonly file: SharedFile }) =>
      reply(shared.file, new Map(paths).set(shared.file.id, shared)),
  },
  cast: {},
})

/** What is told of a file. Throws when it cannot be shared, with words for people. */
export async function describeFile(path: string): Promise<SharedFile> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new Error(`there is no file ${path}`)
  if (!found.isFile()) throw new Error(`${path} is no file`)
  if (found.size > FILE_BYTES_MAX) {
    throw new Error(`${path} has ${found.size} bytes, ${FILE_BYTES_MAX} at most`)
  }
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  const sha256 = hash.digest('hex')
  return { id: randomUUID(), name: basename(path), bytes: found.size, sha256 }
}
