/**
 * The one file that imports the QUIC binding (quiche 0.18 inside `@matrixai/quic`), lazily, and the
 * one door through which numbers and buffers reach it. A value that its Rust code does not expect
 * ends the whole program, uncatchable (`transport.md`: codes below 0 or above 2^62, transport
 * parameters out of range, empty key or certificate lists, `setSession` on a live connection, which
 * is why it is not here at all). So everything is checked on this side and refused with
 * `ERR_TRANSPORT_ARGUMENT` instead.
 */
import process from 'node:process'
import { TransportError } from '../errors.ts'
import type { Binding, BindingAddress, BindingConfig } from './binding.ts'
import {
  checkAddress,
  checkAlpn,
  checkBytes,
  checkConnectionId,
  checkInteger,
  checkKeyPair,
  checkPeerId,
  UDP_PAYLOAD_BYTES_MAX,
} from './native-checks.ts'
import { NativeConnection } from './native-connection.ts'

const VERIFY = true
const ALLOW_ANY_CHAIN = true
/** A node key is Ed25519; anything else would be refused after the handshake anyway. */
const SIGNATURE_ALGORITHMS = 'ed25519'

/** Transport parameters and limits; every number is checked. */
export interface NativeSettings {
  readonly alpn: string
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly idleTimeoutMs: number
  readonly udpPayloadBytes: number
  readonly streamWindowBytes: number
  readonly streamsMax: number
  readonly datagramQueueMax: number
}

/** A checked configuration, shared by all connections of an endpoint. */
export class NativeConfig {
  readonly raw: BindingConfig
  constructor(raw: BindingConfig) {
    this.raw = raw
  }
}

/** The binding behind its checks. */
export class Native {
  readonly #binding: Binding
  /** `binding` is what the package exports, or a stand-in of a test. */
  constructor(binding: Binding) {
    this.#binding = binding
  }

  config(settings: NativeSettings): NativeConfig {
    const binding = this.#binding
    checkKeyPair(settings.certificatePem, settings.privateKeyPem)
    checkInteger('idleTimeoutMs', settings.idleTimeoutMs, 1, 2 ** 31)
    checkInteger('udpPayloadBytes', settings.udpPayloadBytes, 1200, UDP_PAYLOAD_BYTES_MAX)
    checkInteger('streamWindowBytes', settings.streamWindowBytes, 1, 2 ** 32)
    checkInteger('streamsMax', settings.streamsMax, 0, 2 ** 31)
    checkInteger('datagramQueueMax', settings.datagramQueueMax, 1, 2 ** 20)
    checkAlpn(settings.alpn)
    let config: BindingConfig
    try {
      config = binding.Config.withBoringSslCtx(
        VERIFY,
        ALLOW_ANY_CHAIN,
        null,
        [Buffer.from(settings.privateKeyPem)],
        [Buffer.from(settings.certificatePem)],
        SIGNATURE_ALGORITHMS,
      )
      config.setApplicationProtos([settings.alpn])
    } catch (cause) {
      throw new TransportError(
        'ERR_TRANSPORT_SECURITY',
        'the certificate or private key cannot be used for TLS',
        { cause },
      )
    }
    applySettings(config, settings)
    return new NativeConfig(config)
  }

  connect(
    sourceId: Uint8Array,
    local: BindingAddress,
    remote: BindingAddress,
    config: NativeConfig,
  ): NativeConnection {
    checkConnectionId(sourceId)
    checkAddress(local)
    checkAddress(remote)
    const { Connection } = this.#binding
    return new NativeConnection(Connection.connect(null, sourceId, local, remote, config.raw))
  }

  /** `originalId` is the id before a retry, and only then. */
  accept(
    sourceId: Uint8Array,
    originalId: Uint8Array | undefined,
    local: BindingAddress,
    remote: BindingAddress,
    config: NativeConfig,
  ): NativeConnection {
    checkConnectionId(sourceId)
    if (originalId !== undefined) checkConnectionId(originalId)
    checkAddress(local)
    checkAddress(remote)
    const { Connection } = this.#binding
    const original = originalId ?? null
    return new NativeConnection(Connection.accept(sourceId, original, local, remote, config.raw))
  }

  versionIsSupported(version: number): boolean {
    checkInteger('version', version, 0, 2 ** 32 - 1)
    return this.#binding.versionIsSupported(version)
  }

  /** Writes a version negotiation packet into `out` and gives its length. */
  negotiateVersion(sourceId: Uint8Array, destinationId: Uint8Array, out: Uint8Array): number {
    checkPeerId(sourceId)
    checkPeerId(destinationId)
    checkBytes('out', out, 1200)
    return this.#binding.negotiateVersion(sourceId, destinationId, out)
  }

  /** Writes a retry packet into `out` and gives its length. */
  retry(request: RetryRequest, out: Uint8Array): number {
    checkPeerId(request.sourceId)
    checkPeerId(request.destinationId)
    checkConnectionId(request.newSourceId)
    checkBytes('token', request.token, 1)
    checkInteger('token length', request.token.length, 1, 512)
    checkInteger('version', request.version, 0, 2 ** 32 - 1)
    checkBytes('out', out, 1200)
    return this.#binding.retry(
      request.sourceId,
      request.destinationId,
      request.newSourceId,
      request.token,
      request.version,
      out,
    )
  }
}

/** What a retry packet is made of: the ids of the packet it answers, and ours. */
export interface RetryRequest {
  readonly sourceId: Uint8Array
  readonly destinationId: Uint8Array
  readonly newSourceId: Uint8Array
  readonly token: Uint8Array
  readonly version: number
}

/**
 * Loads the binding. `load` is replaced in tests only.
 *
 * Rejects with `ERR_TRANSPORT_UNAVAILABLE` naming the platform when there is no binary for it.
 */
export async function loadNative(load: () => Promise<Binding> = importBinding): Promise<Native> {
  try {
    return new Native(await load())
  } catch (cause) {
    throw new TransportError(
      'ERR_TRANSPORT_UNAVAILABLE',
      `there is no QUIC binary for ${platformName()}; there are some for linux-x64 (glibc 2.34 or ` +
        'later), darwin-x64, darwin-arm64 and win32-x64',
      { cause },
    )
  }
}

async function importBinding(): Promise<Binding> {
  const module = await import('@matrixai/quic/native/quiche.js')
  return module.default as unknown as Binding
}

/** For example `linux-arm64` or `linux-x64-musl`. */
function platformName(): string {
  const name = `${process.platform}-${process.arch}`
  if (process.platform !== 'linux') return name
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report?.header?.glibcVersionRuntime === undefined ? `${name}-musl` : name
}

function applySettings(config: BindingConfig, settings: NativeSettings): void {
  // Credit of streams that are reset or stopped never returns to the connection window (quiche
  // before 0.24.7), and a lost MAX_DATA is not sent again (before 0.26.0). A window that is never
  // used up avoids both; memory is bounded per stream instead.
  const CONNECTION_WINDOW_BYTES = 2 ** 50
  config.grease(false)
  config.setMaxIdleTimeout(settings.idleTimeoutMs)
  config.setMaxRecvUdpPayloadSize(65_527)
  config.setMaxSendUdpPayloadSize(settings.udpPayloadBytes)
  config.setInitialMaxData(CONNECTION_WINDOW_BYTES)
  config.setMaxConnectionWindow(CONNECTION_WINDOW_BYTES)
  config.setInitialMaxStreamDataBidiLocal(settings.streamWindowBytes)
  config.setInitialMaxStreamDataBidiRemote(settings.streamWindowBytes)
  config.setInitialMaxStreamDataUni(0)
  config.setMaxStreamWindow(settings.streamWindowBytes)
  config.setInitialMaxStreamsBidi(settings.streamsMax)
  config.setInitialMaxStreamsUni(0)
  config.setActiveConnectionIdLimit(3)
  config.setDisableActiveMigration(false)
  config.setCcAlgorithmName('cubic')
  config.enableHystart(true)
  config.enablePacing(false) // the time a packet should leave is not heeded, so pacing only costs
  config.enableDgram(true, settings.datagramQueueMax, settings.datagramQueueMax)
}
