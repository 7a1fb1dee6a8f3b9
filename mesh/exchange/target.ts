/** A node to reach: its address, and its key if that is known. */
export interface Target {
  /** Node key in hex; undefined takes whoever answers there. */
  readonly id?: string | undefined
  readonly host: string
  /** 0 when the node is known by its messages only and cannot be dialled. */
  readonly port: number
}
