/** The metrics of several processes as those of one. */
import { AggregatorRegistry } from 'prom-client'

/** `all` are lists as `getMetricsAsJSON` gives them. */
export function merged(all: readonly object[][]): Promise<string> {
  return AggregatorRegistry.aggregate(all as never).metrics()
}

/** What of the metrics of processes that have ended must stay, as one list: what counts up, and would otherwise fall. */
export async function remains(all: readonly object[][]): Promise<object[]> {
  const sums: { type: unknown }[] = await AggregatorRegistry.aggregate(all as never).getMetricsAsJSON()
  return sums.filter(({ type }) => type === 'counter' || type === 'histogram')
}
