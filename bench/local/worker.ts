/** The child process of one side: does the measures that the parent asks for, one at a time. */
import { pathToFileURL } from 'node:url'
import { tools, type Measures, type Tools } from './side.ts'

interface Request {
  readonly measure: string
  readonly size: number
}

interface SideModule {
  readonly measures?: Measures
  readonly makeMeasures?: (tools: Tools) => Measures | Promise<Measures>
}

const [path] = process.argv.slice(2)
const side = (await import(pathToFileURL(path!).href)) as SideModule
const measures = side.measures ?? (await side.makeMeasures?.(tools)) ?? {}

process.on('message', (request: Request) => {
  void answer(request)
})
process.send?.({ measures: Object.keys(measures) })

async function answer({ measure, size }: Request): Promise<void> {
  try {
    const figure = await measures[measure]!(size)
    process.send?.({ figure })
  } catch (error) {
    process.send?.({
      error: error instanceof Error ? error.message : String(error),
    })
  }
}
