/** What `serve` prints for a person: the address, and a request to paste. */
import type { Config, Webhook } from '../config/config.ts'

export function* banner(config: Config, url: string): Iterable<string> {
  yield `Postern listens on ${url}`
  const webhook = [...config.webhooks.values()].find(w => w.active && !w.closed && w.example && isPlain(w))
  if (!webhook) return
  yield ''
  yield 'Send it a webhook:'
  yield ''
  yield curl(config, webhook, url)
  const written = webhook.chain.map(item => item.settings.entity).find(entity => typeof entity === 'string')
  if (written && config.admin.token) {
    yield ''
    yield 'and look at what was committed:'
    yield ''
    yield `  curl -H "Authorization: Bearer ${config.admin.shownToken}" http://${config.admin.host}:${config.admin.port}/admin/v1/entities/${written}/records`
  }
  yield ''
}

/** A line that needs nothing but curl: no signature to compute, no token in the path. */
function isPlain(webhook: Webhook): boolean {
  return !webhook.path.includes('{') && webhook.chain.every(item => item.plugin.name !== 'auth-hmac')
}

function curl(config: Config, webhook: Webhook, url: string): string {
  const headers = webhook.chain.flatMap(({ plugin, shown }) => {
    const host = { webhook: webhook.name, publicUrl: config.server.publicUrl, entity: (name: string) => config.entities.get(name) }
    return Object.entries(plugin.sender?.(shown, host)?.headers ?? {}).flatMap(([name, field]) =>
      field.required && field.example ? [`${name}: ${field.example}`] : [],
    )
  })
  const lines = [
    `curl -X ${webhook.methods[0]} ${url}${webhook.path}`,
    '-H "Content-Type: application/json"',
    // In double quotes: a secret shows as ${NAME:-default}, which the shell fills in just as the YAML does.
    ...headers.map(header => `-H "${header.replaceAll('"', '\\"')}"`),
    `-d '${JSON.stringify(webhook.example).replaceAll("'", "'\\''")}'`,
  ]
  return `  ${lines.join(' \\\n    ')}`
}
