/** What `serve` prints for a person: the address, and a request to paste. */
import type { Config, Webhook } from '../config/config.ts'

export function banner(config: Config, url: string): string[] {
  // A default that stands in the file is no secret; what came from outside of it shows by its name alone.
  return [...lines(config, url)].map(line => line.replace(/\$\{[^}]+\}/g, shown => config.secretPresets.get(shown) ?? shown))
}

function* lines(config: Config, url: string): Iterable<string> {
  yield `Postern listens on ${url}`
  const [webhook, request] = firstPlain(config, url) ?? []
  const docs = config.server.docs && `What senders read is at ${url}/docs`
  if (docs && !webhook) yield docs
  if (!webhook) return
  yield* ['', 'Send it a webhook:', '', `  ${request}`]
  const entity = webhook.chain.map(item => item.settings.entity).find(name => typeof name === 'string')
  const { host, port, token, shownToken } = config.admin
  if (entity && token) {
    const address = `http://${host}:${port}/admin/v1/entities/${entity}/records`
    yield* ['', 'and look at what was committed:', '', `  curl -H "Authorization: Bearer ${shownToken}" ${address}`]
  }
  if (docs) yield* ['', docs]
  yield ''
}

function firstPlain(config: Config, url: string): [Webhook, string] | undefined {
  for (const webhook of config.webhooks.values()) {
    const request = curl(config, webhook, url)
    if (request) return [webhook, request]
  }
}

/** Undefined for a webhook that takes more than curl: a signature to compute, a token in the path, a host of its own. */
function curl(config: Config, webhook: Webhook, url: string): string | undefined {
  if (!webhook.active || webhook.closed || !webhook.example || webhook.path.includes('{') || webhook.host.length > 0) return undefined
  const host = { webhook: webhook.name, publicUrl: config.server.publicUrl, entity: (name: string) => config.entities.get(name) }
  const headers = webhook.chain.flatMap(({ plugin, shown }) => Object.entries(plugin.sender?.(shown, host).headers ?? {}))
  const required = headers.filter(([, field]) => field.required)
  if (required.some(([, field]) => field.example === undefined)) return undefined
  return [
    `curl -X ${webhook.methods[0]} ${url}${webhook.path}`,
    '-H "Content-Type: application/json"',
    // In double quotes: a secret shows as ${NAME:-default}, which the shell fills in just as the YAML does.
    ...required.map(([name, { example = '' }]) => `-H "${name}: ${example.replaceAll('"', '\\"')}"`),
    `-d '${JSON.stringify(webhook.example).replaceAll("'", "'\\''")}'`,
  ].join(' \\\n    ')
}
