/** The broker aedes as its documentation has it; says its port, ends with its parent. */
import { createServer } from 'node:net'
import process from 'node:process'
import { Aedes } from 'aedes'

const broker = await Aedes.createBroker()
const server = createServer(broker.handle)
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
