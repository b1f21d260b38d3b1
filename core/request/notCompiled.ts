/** A step that cannot be made of its settings: a problem of the configuration, which only its plugin's `compile` finds. */
import type { Config, Webhook } from '../config/config.ts'
import { formatProblem, pathText } from '../config/problem.ts'
import { secretNeedles } from '../needles.ts'

/** Its message is the line of the problem, without any secret: what a plugin throws may well have one. */
export class NotCompiled extends Error {
  constructor(config: Config, { name, chain }: Webhook, index: number, cause: unknown) {
    const item = chain[index] as Webhook['chain'][number]
    const thrown = cause instanceof Error ? cause.message : String(cause)
    const said = secretNeedles(config.secretValues)?.replace(thrown, '[secret]') ?? thrown
    const path = pathText(['webhooks', name, 'chain', index, item.plugin.name])
    const message = `no step can be made of these settings: ${said}`
    super(formatProblem({ severity: 'error', at: item.at(), path, message }), { cause })
  }
}
