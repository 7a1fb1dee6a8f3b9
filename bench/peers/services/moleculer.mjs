/** moleculer as its documentation has it, with its own TCP transporter. See bench/services/rpc-ways.ts. */
import moleculer from 'moleculer'
import { createServer } from 'node:net'

const { ServiceBroker } = moleculer

/** A port of this moment: the transporter wants one before it starts. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function start(nodeID, urls, port) {
  const broker = new ServiceBroker({
    nodeID,
    logger: false,
    requestTimeout: 60_000,
    transporter: {
      type: 'TCP',
      options: { udpDiscovery: false, port, urls, useHostname: false },
    },
  })
  return broker
}

export async function serve() {
  const [port, clientPort] = [await freePort(), await freePort()]
  const urls = [`127.0.0.1:${port}/server`, `127.0.0.1:${clientPort}/client`]
  const broker = await start('server', urls, port)
  broker.createService({ name: 'bench', actions: { echo: ({ params }) => params.value } })
  await broker.start()
  return { address: JSON.stringify({ urls, clientPort }), close: () => broker.stop() }
}

export async function client(address) {
  const { urls, clientPort } = JSON.parse(address)
  const broker = await start('client', urls, clientPort)
  await broker.start()
  await broker.waitForServices('bench', 15_000)
  return {
    call: (value) => broker.call('bench.echo', { value }),
    close: () => broker.stop(),
  }
}
