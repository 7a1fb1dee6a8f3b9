/**
 * What a scrape of a gateway says, in the text format of Prometheus. Numbers are plain counters of their owners, read when
 * somebody asks; the registry belongs to one node. The library is loaded with the first gateway that serves metrics: a
 * twelfth of the time that a node without one would take to start.
 */
import type { Counter as CounterType, Gauge as GaugeType } from 'prom-client'
import type { GatewayContext } from './context.ts'
import { GatewayFunctions } from './gateway.ts'

/** Gives the text. */
export interface MetricsText {
  readonly contentType: string
  text(): Promise<string>
}

/** Whatever only grows. */
type Total = readonly [name: string, help: string, read: () => number]

/** The metrics of one gateway. */
export async function createMetrics(context: GatewayContext): Promise<MetricsText> {
  const { Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  registry.setDefaultLabels({ node: context.core.parts.options.name })
  const gateway = new GatewayFunctions(context)
  for (const [name, help, read] of gaugesOf(context, gateway)) {
    const gauge: GaugeType = new Gauge({
      ...{ name, help, registers: [registry] },
      collect: () => gauge.set(read()),
    })
  }
  for (const [name, help, read] of totalsOf(context, gateway)) {
    const counter: CounterType = new Counter({
      ...{ name, help, registers: [registry] },
      collect: () => {
        counter.reset()
        counter.inc(read())
      },
    })
  }
  const refused: CounterType<'code'> = new Counter({
    name: 'fovea_refused_total',
    help: 'What was refused or dropped, by error code.',
    labelNames: ['code'],
    registers: [registry],
    collect: () => {
      refused.reset()
      for (const [code, count] of Object.entries(context.core.refusals.counters())) {
        refused.inc({ code }, count)
      }
    },
  })
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

function gaugesOf(
  { core, settings, memory }: GatewayContext,
  gateway: GatewayFunctions,
): readonly Total[] {
  return [
    ['fovea_gateway_up', '1 when all parts of the gateway run.', () => isUp(gateway)],
    ['fovea_gateway_clients', 'Connected edge peers.', () => gateway.stats().clients],
    ['fovea_gateway_clients_max', 'Edge peers there may be.', () => settings.clientsMax],
    ['fovea_gateway_mesh_links', 'Member links kept for clients.', () => memory.mesh?.size ?? 0],
    ['fovea_links', 'Links with members.', () => core.pool.linkCount],
    ['fovea_members', 'Members known, this node not.', () => core.view.members().length],
  ]
}

function totalsOf({ core, memory }: GatewayContext, gateway: GatewayFunctions): readonly Total[] {
  const { counts } = memory
  const endpoint = (read: 'bytesReceived' | 'bytesSent' | 'packetsDropped'): (() => number) => {
    return () => core.endpoint()?.stats()[read] ?? 0
  }
  return [
    ['fovea_gateway_admitted_total', 'Edge peers that came in.', () => counts.admitted],
    [
      'fovea_gateway_refused_total',
      'Edge peers that were not let in.',
      () => counts.refusedFull + counts.refusedRate,
    ],
    ['fovea_gateway_evicted_total', 'Idle edge peers that made room.', () => counts.evicted],
    ['fovea_gateway_frames_total', 'Frames of edge peers.', () => gateway.stats().frames],
    ['fovea_gateway_bytes_total', 'Bytes of those frames.', () => counts.bytes],
    ['fovea_gateway_dropped_total', 'Frames of edge peers above a rate.', () => counts.dropped],
    ['fovea_bytes_received_total', 'Bytes of packets received.', endpoint('bytesReceived')],
    ['fovea_bytes_sent_total', 'Bytes of packets sent.', endpoint('bytesSent')],
    ['fovea_packets_dropped_total', 'Packets for nobody.', endpoint('packetsDropped')],
  ]
}

function isUp(gateway: GatewayFunctions): number {
  return gateway.health().status === 'ok' ? 1 : 0
}
