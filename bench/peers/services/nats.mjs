/** The NATS client as its documentation has it; subscribers of a program share its connection. See bench/services/fanout-ways.ts. */
import { connect } from 'nats'

export async function publisher(servers, topic) {
  const connection = await connect({ servers })
  return {
    address: servers,
    ready: async () => {},
    publish: (payload) => connection.publish(topic, payload),
    settled: () => connection.flush(),
    close: () => connection.close(),
  }
}

export async function subscribers(servers, topic, count, take) {
  const connection = await connect({ servers })
  for (let i = 0; i < count; i++) {
    connection.subscribe(topic, { callback: (_error, message) => take(message.data.length) })
  }
  await connection.flush()
  return () => connection.close()
}
