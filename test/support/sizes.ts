/** Tests that are shorter in `npm test` than in `npm run test:soak`, under the same claim. */

/** The second of the two in long runs. */
export function sizeOf(usual: number, long: number): number {
  return process.env['FOVEA_LONG'] === '1' ? long : usual
}

/** A number as claims write it. */
export function written(size: number): string {
  return size.toLocaleString('en-US')
}
