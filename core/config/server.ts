/** The rules between the settings of `server` and `admin`, and the files of `server.tls`. */
import { dirname, resolve } from 'node:path'
import type { Config } from './config.ts'
import { isPlaceholder, type Node, positionOf, quoted, reach } from './node.ts'
import type { Problems } from './problem.ts'
import type { Sections } from './schema.ts'
import { readText } from './source.ts'

/** Checks `server` and `admin` together and completes `server`. */
export function finishServer(root: Node, { server = {}, admin }: Sections, problems: Problems): Config['server'] {
  const { tls, publicUrl, ...rest } = server
  const { requestTimeout = Number.POSITIVE_INFINITY, bodyTimeout = 0 } = server
  if (bodyTimeout > requestTimeout && reach(root, ['server', 'bodyTimeout']).whole) {
    const path = ['server', 'bodyTimeout']
    problems.error(positionOf(root, path), path, 'must be at most server.requestTimeout, which is a limit for the whole request')
  }
  if (server.port && server.port === admin?.port) {
    const path = [reach(root, ['admin', 'port']).whole ? 'admin' : 'server', 'port']
    problems.error(positionOf(root, path), path, `senders and operators cannot share port ${server.port}: change one`)
  }
  return {
    ...rest,
    bodyTimeout: Math.min(bodyTimeout, requestTimeout),
    ...(publicUrl && { publicUrl: publicUrl.replace(/\/+$/, '') }),
    ...(tls && { tls: { cert: pem(root, 'cert', tls.cert, problems), key: pem(root, 'key', tls.key, problems) } }),
  } as Config['server']
}

/** The absolute name of a PEM file, that the server reads when it starts. */
function pem(root: Node, which: 'cert' | 'key', name: string | undefined, problems: Problems): string | undefined {
  if (name === undefined) return undefined
  const path = ['server', 'tls', which]
  if (isPlaceholder(root, path)) return name
  const at = positionOf(root, path)
  const file = resolve(dirname(at.file), name)
  const read = readText(file)
  if ('fault' in read) problems.error(at, path, `the file ${quoted(reach(root, path).node, name)} ${read.fault}`)
  return file
}
