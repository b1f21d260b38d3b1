/** The metrics of several processes as those of one. */
import { AggregatorRegistry } from 'prom-client'

/** `all` are lists as `getMetricsAsJSON` gives them. */
export function merged(all: readonly object[][]): Promise<string> {
  return AggregatorRegistry.aggregate(all as never).metrics()
}
