/** What sensors measure, and what things are called: topics `site.HALL.KIND`, commands `site.HALL.heater`. */

/** A reading as it is published. */
export interface Reading {
  /** Of one device from 1, without gaps: by them a reading is told from one that comes again. */
  readonly number: number
  readonly hall: string
  readonly kind: 'temperature' | 'humidity'
  readonly value: number
  /** The oldest that the device still has; all before are in the archive, or were in one that is lost. */
  readonly oldest: number
}

/** Procedure of the archive: up to which number it has the readings of whoever asks. */
export const UPTO = 'archive.upto'

/** Procedure of a device: heats its hall to so many degrees. */
export const heaterOf = (hall: string): string => `site.${hall}.heater`

/** Topic of a reading. */
export const topicOf = ({ hall, kind }: Pick<Reading, 'hall' | 'kind'>): string =>
  `site.${hall}.${kind}`

/** Whether a hall may be called so. */
export const isHall = (name: string): boolean => /^[a-z0-9]{1,24}$/.test(name)

const isNumber = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1

/** It comes from another node, so it is looked at before it is kept. */
export function isReading(value: unknown): value is Reading {
  if (typeof value !== 'object' || value === null) return false
  const { number, hall, kind, value: measured, oldest } = value as Partial<Reading>
  const isKind = kind === 'temperature' || kind === 'humidity'
  const isNumbered = isNumber(number) && isNumber(oldest) && Number(oldest) <= Number(number)
  return (
    isNumbered && typeof hall === 'string' && isHall(hall) && isKind && Number.isFinite(measured)
  )
}
