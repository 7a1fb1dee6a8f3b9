/** @grpc/grpc-js as its documentation has it, without encryption. See bench/services/rpc-ways.ts. */
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('./echo.proto', import.meta.url))
const { bench } = grpc.loadPackageDefinition(loader.loadSync(file))

export function serve() {
  const server = new grpc.Server()
  server.addService(bench.Echo.service, {
    echo: ({ request }, answer) => answer(null, { value: request.value }),
  })
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve({ address: `127.0.0.1:${port}`, close: () => server.forceShutdown() })
      else reject(error)
    })
  })
}

export async function client(address) {
  const echo = new bench.Echo(address, grpc.credentials.createInsecure())
  return {
    call: (value) =>
      new Promise((resolve, reject) => {
        echo.echo({ value }, { deadline: Date.now() + 60_000 }, (error, reply) => {
          if (error === null) resolve(reply.value)
          else reject(error)
        })
      }),
    close: () => echo.close(),
  }
}
