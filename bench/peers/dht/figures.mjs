/**
 * What every side of the comparison does: so many nodes on loopback, then lookups of the same keys from the
 * same places one after the other, and whether what was found are the k nearest. One JSON object on stdout.
 */
import { createHash } from 'node:crypto'

/** Arguments of a side: nodes and lookups. */
export const NODES = Number(process.argv[2] ?? 50)
export const LOOKUPS = Number(process.argv[3] ?? 100)

const LOOKUP_TIMEOUT_MS = 20_000

export const sha256 = (data) => createHash('sha256').update(data).digest()

/** Nearest first; `idOf` gives the bytes that a library compares. */
export const nearest = (nodes, idOf, target, count) =>
  nodes
    .map((node) => ({ node, distance: Buffer.from(idOf(node).map((byte, i) => byte ^ target[i])) }))
    .sort((a, b) => Buffer.compare(a.distance, b.distance))
    .slice(0, count)
    .map(({ node }) => node)

/**
 * Runs the lookups. `lookup(origin, key)` gives `{ found, messages }`, `truth(origin, key)` who should be
 * found; both as lists of comparable strings, nearest first.
 */
export const measure = async ({ name, version, k, nodes, lookup, truth }) => {
  let exact = 0
  let recalled = 0
  let wanted = 0
  let failed = 0
  const messages = []
  const elapsed = []
  for (let i = 0; i < LOOKUPS; i++) {
    const key = sha256(`key ${i}`)
    const origin = nodes[sha256(`origin ${i}`).readUInt32BE(0) % nodes.length]
    const right = truth(origin, key)
    wanted += right.length
    const startedMs = performance.now()
    try {
      const run = await within(lookup(origin, key), LOOKUP_TIMEOUT_MS)
      elapsed.push(performance.now() - startedMs)
      messages.push(run.messages)
      const found = new Set(run.found)
      const hits = right.filter((id) => found.has(id)).length
      recalled += hits
      if (hits === right.length && found.size === right.length) exact++
    } catch (error) {
      failed++
      console.error(`lookup ${i}: ${error.message}`)
    }
  }
  const ascending = (values) => values.toSorted((a, b) => a - b)
  return {
    name,
    version,
    nodes: nodes.length,
    k,
    lookups: LOOKUPS,
    exact: exact / LOOKUPS,
    recall: recalled / wanted,
    messages: ascending(messages),
    elapsedMs: ascending(elapsed).map((ms) => Number(ms.toFixed(2))),
    failed,
  }
}

/** Until `sizes()` has not changed for `calmMs`, or the time is over. */
export const settled = async (sizes, { calmMs, timeoutMs }) => {
  const startedMs = performance.now()
  let last = ''
  let changedMs = startedMs
  for (;;) {
    const nowMs = performance.now()
    const now = JSON.stringify(sizes())
    if (now !== last) {
      last = now
      changedMs = nowMs
    }
    if (nowMs - changedMs >= calmMs || nowMs - startedMs >= timeoutMs) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const within = (promise, timeoutMs) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${timeoutMs} ms`)), timeoutMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
