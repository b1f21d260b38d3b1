/** Watches the files of a configuration. */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** Editors and mounted volumes write in several steps; one reload is enough for all of them. */
const QUIET = 300

/** Calls `changed` after the files have been quiet for 300 ms. Folders are watched, because a file that is replaced is another file. */
export function watchFiles(config: string, files: readonly string[], changed: () => void) {
  const watchers = new Map<string, FSWatcher>()
  const wanted = new Set<string>()
  const whole = statSync(config).isDirectory() ? resolve(config) : undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function follow(paths: readonly string[]) {
    wanted.clear()
    for (const path of paths) wanted.add(resolve(path))
    const folders = new Set([...wanted].map(path => dirname(path)))
    if (whole) folders.add(whole)
    for (const [folder, watcher] of watchers) if (!folders.has(folder)) watcher.close()
    for (const folder of folders) {
      if (watchers.has(folder)) continue
      const watcher = watch(folder, (_event, name) => {
        const path = resolve(folder, name ?? '')
        // A mounted ConfigMap changes by a link beside the files, `..data`.
        const mounted = basename(path).startsWith('..')
        if (!wanted.has(path) && !mounted && !(folder === whole && path.endsWith('.yaml'))) return
        clearTimeout(timer)
        timer = setTimeout(changed, QUIET)
      })
      watcher.on('error', () => {})
      watchers.set(folder, watcher)
    }
  }

  follow(files)
  return {
    follow,
    close() {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}
