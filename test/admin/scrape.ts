/** Reads `/metrics` as Prometheus would. */

/** The sum of the samples of a name whose labels hold all of these; undefined when there are none. */
export function sample(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const lines = text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const held = lines.filter(line => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
  return held.length === 0 ? undefined : held.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

interface Asked {
  readonly adminUrl: string
}

export async function scrape({ adminUrl }: Asked): Promise<string> {
  const response = await fetch(`${adminUrl}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`)
  return response.text()
}

/** Asks until the value is one that is wanted, for what is told is kept for a second; gives the value it had last. */
export async function becomes(
  served: Asked,
  name: string,
  labels: Record<string, string>,
  wanted: number | ((value: number) => boolean),
  ms = 10_000,
): Promise<number | undefined> {
  const holds = (value: number | undefined) => value !== undefined && (typeof wanted === 'number' ? value === wanted : wanted(value))
  for (const deadline = Date.now() + ms; ; ) {
    const value = sample(await scrape(served), name, labels)
    if (holds(value) || Date.now() > deadline) return value
    await new Promise(done => setTimeout(done, 50))
  }
}
