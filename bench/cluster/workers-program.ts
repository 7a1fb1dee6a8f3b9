/** The other program of the worker benchmark: a node that joins over QUIC and answers calls. */
import { startNode } from 'fovea/dist'
import { setup } from './workers-module.ts'

const [realm, seed] = process.argv.slice(2) as [string, string]
const options = { name: 'program', host: '127.0.0.1', port: 0 }
const node = await startNode({ ...options, realm, seeds: [] })
setup(node)
node.mesh.addSeed(seed)
process.on('message', () => process.send!(process.cpuUsage()))
process.once('disconnect', () => process.exit(0))
process.send!({ keyHex: node.key.hex })
