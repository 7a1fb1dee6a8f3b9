/** Line charts as SVG, by hand: axes, a grid, lines with points, a legend. */

/** One line. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** What a chart shows. */
export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly logX?: boolean
  readonly logY?: boolean
  readonly series: readonly Series[]
}

const WIDTH = 720
const HEIGHT = 420
const LEFT = 78
const RIGHT = 190
const TOP = 44
const BOTTOM = 56
const COLOURS = ['#0b6bcb', '#d1495b', '#2a9d4a', '#8e44ad', '#e08e0b', '#555555']

interface Axis {
  readonly low: number
  readonly high: number
  readonly log: boolean
  readonly ticks: readonly number[]
}

/** The chart as a document. */
export function drawChart(chart: Chart): string {
  const points = chart.series.flatMap((series) => series.points)
  const x = axisOf(
    points.map(([value]) => value),
    chart.logX === true,
  )
  const y = axisOf([0, ...points.map(([, value]) => value)], chart.logY === true)
  const atX = (value: number): number => LEFT + place(x, value) * (WIDTH - LEFT - RIGHT)
  const atY = (value: number): number => HEIGHT - BOTTOM - place(y, value) * (HEIGHT - TOP - BOTTOM)
  const parts = [
    text(LEFT, 24, chart.title, 'font-size="15" font-weight="bold"'),
    ...x.ticks.flatMap((tick) => [
      line(atX(tick), TOP, atX(tick), HEIGHT - BOTTOM),
      text(atX(tick), HEIGHT - BOTTOM + 18, label(tick), 'text-anchor="middle"'),
    ]),
    ...y.ticks.flatMap((tick) => [
      line(LEFT, atY(tick), WIDTH - RIGHT, atY(tick)),
      text(LEFT - 8, atY(tick) + 4, label(tick), 'text-anchor="end"'),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, chart.x, 'text-anchor="middle"'),
    `<g transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">${text(0, 0, chart.y, 'text-anchor="middle"')}</g>`,
    ...chart.series.flatMap((series, index) => drawSeries(series, index, atX, atY)),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function drawSeries(
  { name, points }: Series,
  index: number,
  atX: (value: number) => number,
  atY: (value: number) => number,
): string[] {
  const colour = COLOURS[index % COLOURS.length]!
  const places = points.map(([x, y]) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`)
  const legendY = TOP + 10 + 20 * index
  return [
    `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.map(
      ([x, y]) =>
        `<circle cx="${atX(x).toFixed(1)}" cy="${atY(y).toFixed(1)}" r="3" fill="${colour}"/>`,
    ),
    `<rect x="${WIDTH - RIGHT + 16}" y="${legendY - 9}" width="12" height="12" fill="${colour}"/>`,
    text(WIDTH - RIGHT + 34, legendY + 1, name, ''),
  ]
}

/** A logarithmic axis puts 0 at its lowest decade. */
function axisOf(values: readonly number[], log: boolean): Axis {
  const positive = values.filter((value) => value > 0)
  if (log) {
    const least = Math.floor(Math.log10(Math.min(...positive, 1e12)))
    const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...positive, 1))))
    const low = positive.length < values.length ? least - 1 : least
    const ticks = Array.from({ length: most - low + 1 }, (_, i) => 10 ** (low + i))
    return { low: 10 ** low, high: 10 ** most, log, ticks }
  }
  const low = Math.min(0, ...values)
  const most = Math.max(...values, low + 1e-9)
  const rough = (most - low) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!
  const count = Math.ceil((most - low) / step - 1e-9)
  const ticks = Array.from({ length: count + 1 }, (_, i) => low + i * step)
  return { low, high: low + count * step, log, ticks }
}

function place({ low, high, log }: Axis, value: number): number {
  if (!log) return (value - low) / (high - low)
  const clipped = Math.max(low, value)
  return (Math.log10(clipped) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))
}

function label(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#e3e3e3"/>`
}

function text(x: number, y: number, words: string, attributes: string): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`
}
