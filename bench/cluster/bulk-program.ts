/**
 * The taking program of the bench of bulk transfers: `bulk-program REALM_FILE`. It echoes calls and frames of the control
 * lane, and takes what is poured into it: items of a stream, and large casts. Ends with its parent.
 */
import { startNode } from 'fovea/dist'
import { encodeFrame } from 'fovea/mesh'
import { BEAT, SINK } from './bulk.ts'
import { Echo } from './echo.ts'

const realm = process.argv[2]
if (realm === undefined) throw new Error('usage: bulk-program REALM_FILE')
const node = await startNode({ nodeName: 'taker', realm, host: '127.0.0.1', port: 0 })
node.mesh.handleFrames(BEAT.ask, BEAT.ask, (link, _type, payload) => {
  link.send('control', encodeFrame(BEAT.answer, Uint8Array.from(payload)))
})
node.behaviorRegistry.register('echo', Echo, { remote: true })
await node.mesh.rpc.advertiseStream(SINK, async (_input, items) => {
  let bytes = 0
  for await (const item of items) bytes += (item as Uint8Array).length
  return bytes
})
process.on('disconnect', () => process.exit(0))
process.send!({ id: node.id })
