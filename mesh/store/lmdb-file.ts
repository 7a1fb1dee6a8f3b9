/**
 * Whether a file is one that LMDB can be trusted with. LMDB maps its file and follows the numbers in it: a file
 * that is cut off or overwritten ends the process by a signal, at every start again. So each page that can be
 * reached is looked at first, and what would lead astray is ERR_STORE_CORRUPT.
 *
 * The layout is that of LMDB's data version 2 (`lmdb.h` and `mdb.c` of the package), little-endian:
 *
 *     page    number 8, transaction 8, pad 2, flags 2, lower 2, upper 2 | offsets of nodes, 2 each | ... nodes
 *     meta    magic 4, version 4, address 8, map size 8, tree of free pages 48, tree of entries 48,
 *             last page 8, transaction 8        on pages 0 and 1; the higher transaction counts
 *     tree    page size 4, flags 2, depth 2, counts 32, root 8
 *     node    size or child 4, flags 2, key length 2, key, value or where its overflow pages are
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from './errors.ts'

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536
const HEAD_BYTES = 24
const META_BYTES = 160
const NODE_HEAD_BYTES = 8
const OVERFLOW_POINTER_BYTES = 24
const DEPTH_MAX = 32
const NO_PAGE = 0xffff_ffff_ffff_ffffn

const BRANCH = 0x01
const LEAF = 0x02
const OVERFLOW = 0x04
const META = 0x08

/** Flag of a node whose value has pages of its own. */
const BIG = 0x01

/** Checks the file at `path`; one that is not there or empty is good. Throws `StoreError`. */
export function checkLmdbFile(path: string): void {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw cause
  }
  try {
    const { size } = fstatSync(file)
    if (size > 0) new LmdbFile(path, file, size).check()
  } finally {
    closeSync(file)
  }
}

interface Meta {
  readonly pageBytes: number
  readonly transaction: bigint
  readonly trees: readonly Tree[]
  readonly lastPage: bigint
}

interface Tree {
  readonly depth: number
  readonly root: bigint
}

class LmdbFile {
  readonly #path: string
  readonly #file: number
  readonly #size: number
  readonly #seen = new Set<number>()
  #pageBytes = 0
  #pages = 0

  constructor(path: string, file: number, size: number) {
    this.#path = path
    this.#file = file
    this.#size = size
  }

  check(): void {
    const first = this.#meta(0)
    this.#pageBytes = first.pageBytes
    const second = this.#meta(first.pageBytes)
    if (second.pageBytes !== first.pageBytes) throw this.#corrupt('its pages differ in size')
    const meta = first.transaction >= second.transaction ? first : second
    // The file may end before the last page, when the rest is free.
    const held = Math.floor(this.#size / this.#pageBytes)
    this.#pages = meta.lastPage < BigInt(held) ? Number(meta.lastPage) + 1 : held
    for (const { root, depth } of meta.trees) {
      if (root !== NO_PAGE) this.#walk(root, depth)
      else if (depth !== 0) throw this.#corrupt('a tree has no root')
    }
  }

  #meta(at: number): Meta {
    const bytes = this.#read(at, META_BYTES)
    if (bytes.readUInt32LE(24) !== MAGIC || (bytes.readUInt16LE(18) & META) === 0) {
      throw this.#corrupt('it is no LMDB file')
    }
    if (bytes.readUInt16LE(28) !== DATA_VERSION) {
      throw new StoreError('ERR_STORE_FORMAT', `${this.#path} is of another version of LMDB`)
    }
    const pageBytes = bytes.readUInt32LE(48)
    const isPower = (pageBytes & (pageBytes - 1)) === 0
    if (!isPower || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) {
      throw this.#corrupt('its pages have no size')
    }
    const trees = [48, 96].map((tree) => ({
      depth: bytes.readUInt16LE(tree + 6),
      root: bytes.readBigUInt64LE(tree + 40),
    }))
    return {
      pageBytes,
      trees,
      lastPage: bytes.readBigUInt64LE(144),
      transaction: bytes.readBigUInt64LE(152),
    }
  }

  #walk(pageNumber: bigint, depth: number): void {
    if (depth < 1 || depth > DEPTH_MAX) throw this.#corrupt('a tree has no bottom')
    const page = this.#read(this.#claim(pageNumber, 1), this.#pageBytes)
    if (page.readBigUInt64LE(0) !== pageNumber)
      throw this.#corrupt('a page is not where it belongs')
    if ((page.readUInt16LE(18) & 0x6f) !== (depth > 1 ? BRANCH : LEAF)) {
      throw this.#corrupt('a page is of another kind')
    }
    const lower = page.readUInt16LE(20)
    const upper = page.readUInt16LE(22)
    if (lower % 2 !== 0 || lower > upper || upper > this.#pageBytes - HEAD_BYTES) {
      throw this.#corrupt('a page has no end')
    }
    if (lower < (depth > 1 ? 4 : 2)) throw this.#corrupt('a page is empty')
    for (let at = HEAD_BYTES; at < HEAD_BYTES + lower; at += 2) {
      const node = page.readUInt16LE(at)
      if (node < upper || node > this.#pageBytes - HEAD_BYTES - NODE_HEAD_BYTES) {
        throw this.#corrupt('a node lies outside its page')
      }
      const bytes = page.subarray(HEAD_BYTES + node)
      if (depth === 1) this.#leaf(bytes)
      else this.#branch(bytes, depth)
    }
  }

  #branch(node: Buffer, depth: number): void {
    const keyBytes = node.readUInt16LE(6)
    if (NODE_HEAD_BYTES + keyBytes > node.length) throw this.#corrupt('a key is too long')
    const child = BigInt(node.readUInt32LE(0)) | (BigInt(node.readUInt16LE(4)) << 32n)
    this.#walk(child, depth - 1)
  }

  #leaf(node: Buffer): void {
    const valueBytes = node.readUInt32LE(0)
    const flags = node.readUInt16LE(4)
    const keyBytes = node.readUInt16LE(6)
    if ((flags & ~BIG) !== 0) throw this.#corrupt('an entry is of another kind')
    const isBig = (flags & BIG) !== 0
    const end = NODE_HEAD_BYTES + keyBytes
    if (keyBytes === 0 || end + (isBig ? OVERFLOW_POINTER_BYTES : valueBytes) > node.length) {
      throw this.#corrupt('an entry is too long')
    }
    if (isBig) this.#overflow(node.readBigUInt64LE(end), node.readBigUInt64LE(end + 16), valueBytes)
  }

  #overflow(pageNumber: bigint, pages: bigint, valueBytes: number): void {
    const needed = Math.ceil((HEAD_BYTES + valueBytes) / this.#pageBytes)
    if (pages < BigInt(needed)) throw this.#corrupt('a value has too few pages')
    const head = this.#read(this.#claim(pageNumber, Number(pages)), HEAD_BYTES)
    if (head.readBigUInt64LE(0) !== pageNumber || (head.readUInt16LE(18) & 0x6f) !== OVERFLOW) {
      throw this.#corrupt('a value is not where it belongs')
    }
    if (BigInt(head.readUInt32LE(20)) !== pages) throw this.#corrupt('a value has other pages')
  }

  /** Where that page is in the file; each may be reached once. */
  #claim(pageNumber: bigint, pages: number): number {
    if (pageNumber < 2n || pageNumber + BigInt(pages) > BigInt(this.#pages)) {
      throw this.#corrupt('it is cut off, or a page lies outside')
    }
    const from = Number(pageNumber)
    for (let page = from; page < from + pages; page++) {
      if (this.#seen.has(page)) throw this.#corrupt('a page is used twice')
      this.#seen.add(page)
    }
    return from * this.#pageBytes
  }

  #read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    if (readSync(this.#file, bytes, 0, length, at) < length) throw this.#corrupt('it is cut off')
    return bytes
  }

  #corrupt(detail: string): StoreError {
    return new StoreError('ERR_STORE_CORRUPT', `${this.#path} is damaged: ${detail}`)
  }
}
