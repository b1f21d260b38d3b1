/** A file or a folder to a checked configuration, with every problem at once. */
import { openPace, type Pace } from '../pace.ts'
import type { Config, Position, Problem } from './config.ts'
import { decode } from './decode.ts'
import { readDestinations } from './destination.ts'
import { readDialects } from './dialect.ts'
import { readEntities } from './entity.ts'
import { withEnvironment } from './environment.ts'
import { interpolate, type Sources } from './interpolate.ts'
import { merge } from './merge.ts'
import { type MapNode, positionOf, reach } from './node.ts'
import { parse } from './parse.ts'
import { readPayloads } from './payload.ts'
import { type Path, Problems } from './problem.ts'
import { type Extension, gather, type Registry } from './registry.ts'
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
  /** A variable or a file that is not there stands for itself, `${NAME}`: for whoever compares configurations away from where they run. */
  unsetStays?: boolean
  /** Errors that leave the configuration whole enough to look at; it must then not be run. */
  tolerates?: (problem: Problem) => boolean
}

export interface Loaded {
  /** Undefined when any problem is an error. */
  config?: Config
  problems: Problem[]
  /** The built-in plugins and those that `plugins:` lists; undefined when no file could be read. */
  registry?: Registry
  /** Where a setting stands, of a map or a list its name; when it is left out, the nearest thing around it. */
  at(path: Path): Position
}

/** Reads, checks and completes the configuration at a path. Never throws for what is in the files. */
export async function load(path: string, options: LoadOptions): Promise<Loaded> {
  const problems = new Problems()
  const files = listFiles(path, problems)
  const { env, unsetStays = false, tolerates = () => false } = options
  const sources: Sources = { env, problems, files: new Set(files), vault: vaultOf(options.secrets), unsetStays }
  const pace = openPace()
  const roots: MapNode[] = []
  for (const file of files) {
    await pace()
    const root = readFile(file, sources)
    if (root) roots.push(root)
  }
  const made = roots.length ? await assemble(roots, roots.length === files.length, sources, options, pace) : undefined
  const sorted = problems.sorted()
  const whole = made && !sorted.some(problem => problem.severity === 'error' && !tolerates(problem))
  const nowhere = { file: files[0] ?? path, line: 1, column: 1 }
  return {
    ...(whole && { config: made.config }),
    problems: sorted,
    ...(made && { registry: made.registry }),
    at: setting => (made ? placeOf(made.root, setting) : nowhere),
  }
}

function placeOf(root: MapNode, path: Path): Position {
  const { node } = reach(root, path)
  return node.kind === 'scalar' ? positionOf(root, path) : (node.key ?? node.at)
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
async function assemble(
  roots: MapNode[],
  complete: boolean,
  sources: Sources,
  options: LoadOptions,
  pace: Pace,
): Promise<{ root: MapNode; config: Config; registry: Registry }> {
  const { problems, files, vault } = sources
  const root = withEnvironment(merge(roots, problems), sources)
  const { value, faults, secrets } = decode(File, root)
  const unversioned = !root.entries.has('version')
  for (const { at, path, message } of faults) if (path[0] !== 'version' || !unversioned) problems.error(at, path, message)
  if (unversioned && complete) problems.error(root.at, ['version'], 'is missing: begin with version: 1')
  const decoded = value as Sections
  const registry = await gather(root.entries.get('plugins'), options.builtins, options.importPlugin, problems)
  const server = finishServer(root, decoded, problems)
  await pace()
  const entities = await readEntities(root, decoded.entities, sources, pace)
  const dialects = readDialects(root, decoded.dialects, registry, problems)
  const entity = (name: string) => entities.get(name)
  const around = { publicUrl: server.publicUrl, entity, registry, complete, problems }
  const webhooks = await readWebhooks(root, decoded.webhooks, around, pace)
  const destinations = readDestinations(root, { registry, allowedCidrs: server.allowedCidrs, problems })
  const payloads = readPayloads(root, webhooks.all, entity)
  const subscriptions = readSubscriptions(root, decoded.subscriptions, { webhooks: webhooks.all, payloads, complete, problems })
  const all = [...secrets, ...webhooks.secrets, ...destinations.secrets]
  warnWeak(all, problems)
  // Whole, unless there is an error; `load` then drops it.
  const { store, redis, admin, retention, secrets: atRest } = decoded as Pick<Config, Process>
  const config: Config = {
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
  return { root, config, registry }
}
