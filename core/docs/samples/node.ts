/** The recipe as a program for Node.js. */
import type { Atom, Recipe, Step } from '../recipe.ts'

export function node({ steps, method, headers, body }: Recipe): string {
  const crypto = steps.flatMap(step => {
    if (step.kind === 'hmac') return ['createHmac']
    if (step.kind === 'random') return ['randomUUID']
    return step.kind === 'sign' ? ['createPrivateKey', 'sign'] : []
  })
  return [
    '// Node.js 20 or later: save as send.mjs, then `node send.mjs`',
    ...(crypto.length > 0 ? [`import { ${[...new Set(crypto)].sort().join(', ')} } from 'node:crypto'`] : []),
    '',
    ...steps.map(line),
    '',
    'const response = await fetch(url, {',
    `  method: ${quoted(method)},`,
    '  headers: {',
    ...headers.map(([name, value]) => `    ${quoted(name)}: ${row(value)},`),
    '  },',
    ...(body ? ['  body,'] : []),
    '})',
    'console.log(response.status, await response.text())',
  ].join('\n')
}

function line(step: Step): string {
  const { name } = step
  switch (step.kind) {
    case 'env':
      return `const ${name} = process.env.${step.env} // ${step.about}`
    case 'time':
      if (step.format === 'rfc3339') return `const ${name} = new Date().toISOString()`
      return `const ${name} = ${step.format === 'unix' ? 'String(Math.floor(Date.now() / 1000))' : 'String(Date.now())'}`
    case 'random':
      return `const ${name} = randomUUID() // the same one when you send this request again`
    case 'text':
      return `const ${name} = ${row(step.value)}`
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const cut = secret.stripPrefix ? `.replace(${pattern(secret.stripPrefix)}, '')` : ''
      const key = secret.encoding === 'utf8' ? `${step.key}${cut}` : `Buffer.from(${step.key}${cut}, ${quoted(secret.encoding)})`
      return `const ${name} = createHmac(${quoted(algorithm)}, ${key}).update(${step.message}).digest(${quoted(encoding)})`
    }
    case 'sign': {
      const hash = step.scheme.kind === 'ed25519' ? 'null' : "'sha256'"
      return `const ${name} = sign(${hash}, Buffer.from(${step.message}), createPrivateKey(${step.key})).toString(${quoted(step.scheme.encoding)})`
    }
  }
}

function row(atoms: readonly Atom[]): string {
  if (atoms.every(atom => 'text' in atom)) return quoted(atoms.map(atom => ('text' in atom ? atom.text : '')).join(''))
  const [only] = atoms
  if (atoms.length === 1 && only) return value(only)
  return `\`${atoms.map(atom => ('text' in atom ? atom.text.replace(/[`\\]|\$(?=\{)/g, '\\$&').replaceAll('\n', '\\n') : `\${${value(atom)}}`)).join('')}\``
}

function value(atom: Atom): string {
  if ('text' in atom) return quoted(atom.text)
  if ('encoded' in atom) return `encodeURIComponent(${atom.encoded})`
  return 'name' in atom ? atom.name : `Buffer.from(${row(atom.base64)}).toString('base64')`
}

const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
const pattern = (text: string) => `/^${text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}/`
