/** A histogram over one label, for what happens with every request: prom-client's own takes 1 µs an observation, a good part of our steps. */

/** What one value of the label has gathered. */
interface Row {
  /** Of each bucket alone, and of what is above the last. */
  readonly counts: number[]
  sum: number
}

interface Described {
  readonly name: string
  readonly help: string
  readonly label: string
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[]
}

/** A metric as prom-client's registry asks for it. */
export class Durations {
  readonly name: string
  readonly #about: Described
  readonly #rows = new Map<string, Row>()

  constructor(about: Described) {
    this.name = about.name
    this.#about = about
  }

  observe(of: string, seconds: number): void {
    const { bounds } = this.#about
    const row = this.#rows.get(of) ?? { counts: new Array(bounds.length + 1).fill(0), sum: 0 }
    if (!this.#rows.has(of)) this.#rows.set(of, row)
    let i = 0
    while (i < bounds.length && seconds > (bounds[i] as number)) i++
    row.counts[i] = (row.counts[i] as number) + 1
    row.sum += seconds
  }

  async get(): Promise<object> {
    const { name, help, label, bounds } = this.#about
    const values = [...this.#rows].flatMap(([of, { counts, sum }]) => {
      const labels = { [label]: of }
      let below = 0
      const buckets = counts.map((count, i) => {
        below += count
        return { metricName: `${name}_bucket`, labels: { le: bounds[i] ?? '+Inf', ...labels }, value: below }
      })
      return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: below }]
    })
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
}
