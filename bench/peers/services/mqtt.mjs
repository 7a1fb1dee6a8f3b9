/** MQTT.js as its documentation has it; a subscriber is a client. See bench/services/fanout-ways.ts. */
import mqtt from 'mqtt'

export async function publisher(broker, topic) {
  const client = await mqtt.connectAsync(broker)
  let last = Promise.resolve()
  return {
    address: broker,
    ready: async () => {},
    publish: (payload) => {
      last = new Promise((resolve) => client.publish(topic, payload, { qos: 0 }, resolve))
    },
    settled: () => last,
    close: () => client.endAsync(true),
  }
}

export async function subscribers(broker, topic, count, take) {
  const clients = await Promise.all(
    Array.from({ length: count }, async () => {
      const client = await mqtt.connectAsync(broker)
      client.on('message', (_topic, payload) => take(payload.length))
      await client.subscribeAsync(topic, { qos: 0 })
      return client
    }),
  )
  return () => Promise.all(clients.map((client) => client.endAsync(true)))
}
