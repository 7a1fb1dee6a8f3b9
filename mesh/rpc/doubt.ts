/** What an error adds to "nobody offers it" where a search that found nobody says nothing. */
import type { Catalog } from '../catalog/catalog.ts'

const UNSURE =
  ', as far as can be found out: the DHT reaches few nodes from here (ERR_CATALOG_NARROW), or there is no gateway'

/** Nothing, where it is known that nobody does. */
export function doubtOf(catalog: Catalog, procedure: string): string {
  return catalog.isUnanswered('procedure', procedure) ? UNSURE : ''
}
