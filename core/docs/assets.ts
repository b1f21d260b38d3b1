/** The files that the pages need, from our own folder and our own copy of Swagger UI. A name holds the hash of its content. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Asset {
  type: string
  bytes: Uint8Array
}

const SWAGGER = ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png'] as const
const OWN = ['sender.css', 'swagger.css', 'swagger.js'] as const

export type AssetName = (typeof SWAGGER)[number] | (typeof OWN)[number]

const TYPES: Record<string, string> = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', png: 'image/png' }

/** Below which they are served. */
export const ASSETS = '/docs/assets/'

let loaded: { urls: Map<AssetName, string>; all: Map<string, Asset> } | undefined

/** Read once, and only when somebody opens a page. */
function load(): NonNullable<typeof loaded> {
  if (loaded) return loaded
  const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const own = join(dirname(fileURLToPath(import.meta.url)), 'web')
  const urls = new Map<AssetName, string>()
  const all = new Map<string, Asset>()
  const add = (folder: string, name: AssetName) => {
    const bytes = readFileSync(join(folder, name))
    const [, base = '', ending = ''] = /^(.*)\.(\w+)$/.exec(name) ?? []
    const hashed = `${base}.${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.${ending}`
    urls.set(name, ASSETS + hashed)
    all.set(ASSETS + hashed, { type: TYPES[ending] ?? 'application/octet-stream', bytes })
  }
  for (const name of SWAGGER) add(swagger, name)
  for (const name of OWN) add(own, name)
  loaded = { urls, all }
  return loaded
}

/** Where an asset is. */
export const assetUrl = (name: AssetName): string => load().urls.get(name) ?? ASSETS + name

/** The asset at a path; undefined for any other. */
export const assetAt = (path: string): Asset | undefined => load().all.get(path)
