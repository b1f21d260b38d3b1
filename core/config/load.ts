/** A file or a folder to a checked configuration, with every problem at once. */
import type { Config, Problem } from './config.ts'
import { decode } from './decode.ts'
import { readDestinations } from './destination.ts'
import { readDialects } from './dialect.ts'
import { readEntities } from './entity.ts'
import { withEnvironment } from './environment.ts'
import { interpolate, type Sources } from './interpolate.ts'
import { merge } from './merge.ts'
import type { MapNode } from './node.ts'
import { parse } from './parse.ts'
import { readPayloads } from './payload.ts'
import { Problems } from './problem.ts'
import { type Extension, gather } from './registry.ts'
import { File, type Sections } from './schema.ts'
import { secretValues, warnWeak } from './secrets.ts'
import { finishServer } from './server.ts'
import { listFiles, readText } from './source.ts'
import { readSubscriptions } from './subscription.ts'
import { type StoredSecrets, vaultOf } from './vault.ts'
import { readWebhooks } from './webhook.ts'

/** Sections that are whole as they are decoded. */
type Process = 'store' | 'redis' | 'admin' | 'retention' | 'secrets'

export interface LoadOptions {
  env: Record<string, string | undefined>
  builtins: readonly Extension[]
  /** Imports a plugin named under `plugins:`; a relative name is relative to the file that names it. */
  importPlugin: (specifier: string, fromFile: string) => Promise<Extension>
  /** What `${secret:NAME}` stands for; placeholders when it is left out. */
  secrets?: StoredSecrets
}

export interface Loaded {
  /** Undefined when any problem is an error. */
  config?: Config
  problems: Problem[]
}

/** Reads, checks and completes the configuration at a path. Never throws for what is in the files. */
export async function load(path: string, options: LoadOptions): Promise<Loaded> {
  const problems = new Problems()
  const files = listFiles(path, problems)
  const sources: Sources = { env: options.env, problems, files: new Set(files), vault: vaultOf(options.secrets) }
  const parsed = files.map(file => readFile(file, sources))
  const roots = parsed.filter(root => root !== undefined)
  const config = roots.length ? await assemble(roots, roots.length === files.length, sources, options) : undefined
  const sorted = problems.sorted()
  return { ...(config && !sorted.some(problem => problem.severity === 'error') && { config }), problems: sorted }
}

function readFile(file: string, sources: Sources): MapNode | undefined {
  const start = { file, line: 1, column: 1 }
  const read = readText(file)
  if ('fault' in read) return void sources.problems.error(start, [], read.fault)
  const root = interpolate(parse(file, read.text, sources.problems), sources)
  if (root.kind === 'map') return root
  if (root.kind === 'scalar' && root.value === null) return { kind: 'map', at: start, entries: new Map() }
  if (root.kind !== 'faulty') sources.problems.error(root.at, [], 'expected a map of settings such as version: 1')
  return undefined
}

/** `complete` is false when a file could not be read: what the others name may well stand in it. */
async function assemble(roots: MapNode[], complete: boolean, sources: Sources, options: LoadOptions): Promise<Config> {
  const { problems, files, vault } = sources
  const root = withEnvironment(merge(roots, problems), sources)
  const { value, faults, secrets } = decode(File, root)
  const unversioned = !root.entries.has('version')
  for (const { at, path, message } of faults) if (path[0] !== 'version' || !unversioned) problems.error(at, path, message)
  if (unversioned && complete) problems.error(root.at, ['version'], 'is missing: begin with version: 1')
  const decoded = value as Sections
  const registry = await gather(root.entries.get('plugins'), options.builtins, options.importPlugin, problems)
  const server = finishServer(root, decoded, problems)
  const entities = readEntities(root, decoded.entities, sources)
  const dialects = readDialects(root, decoded.dialects, registry, problems)
  const entity = (name: string) => entities.get(name)
  const webhooks = readWebhooks(root, decoded.webhooks, { publicUrl: server.publicUrl, entity, registry, complete, problems })
  const destinations = readDestinations(root, { registry, allowedCidrs: server.allowedCidrs, problems })
  const payloads = readPayloads(root, webhooks.all, entity)
  const subscriptions = readSubscriptions(root, decoded.subscriptions, { webhooks: webhooks.all, payloads, complete, problems })
  const all = [...secrets, ...webhooks.secrets, ...destinations.secrets]
  warnWeak(all, problems)
  // Whole, unless there is an error; `load` then drops it.
  const { store, redis, admin, retention, secrets: atRest } = decoded as Pick<Config, Process>
  return {
    server,
    store,
    redis,
    admin: { ...admin, shownToken: all.find(secret => secret.path.join('.') === 'admin.token')?.shown ?? '' },
    retention,
    secrets: atRest,
    entities,
    webhooks: webhooks.all,
    dialects,
    subscriptions,
    destinations: destinations.all,
    secretValues: secretValues(all, [store?.url, redis?.url], vault.values()),
    secretNames: [...vault.names],
    secretPresets: new Map(all.flatMap(({ shown, preset }) => (preset ? [[shown, preset]] : []))),
    files: [...files],
  }
}
