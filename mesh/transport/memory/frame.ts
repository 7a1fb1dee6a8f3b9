/** What travels between the two sides of a simulated connection, after the handshake. */

/** Bytes of a stream, and maybe its end. Grows while nothing else happens in its instant. */
export interface DataFrame {
  readonly type: 'data'
  readonly stream: number
  readonly chunks: Uint8Array[]
  fin: boolean
  /** It has arrived: nothing may be added. */
  arrived: boolean
}

/** See the file header. */
export type Frame =
  /** The dialler accepts the listener; now the listener judges the dialler. */
  | { readonly type: 'finished' }
  | DataFrame
  | { readonly type: 'reset'; readonly stream: number; readonly code: number }
  | { readonly type: 'stop'; readonly stream: number; readonly code: number }
  /** The reader of a stream has consumed so many bytes. */
  | { readonly type: 'credit'; readonly stream: number; readonly length: number }
  | { readonly type: 'datagram'; readonly bytes: Uint8Array }
  | {
      readonly type: 'close'
      readonly by: 'peer' | 'error'
      readonly code: number
      readonly reason: string
    }
