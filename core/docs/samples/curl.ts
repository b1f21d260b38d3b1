/** The recipe as a shell script with openssl and curl. */
import { type Atom, joined, type Recipe, type Step } from '../recipe.ts'

export function curl({ steps, method, headers, body }: Recipe): string {
  const env = new Map(steps.flatMap(step => (step.kind === 'env' ? [[step.name, step.env] as const] : [])))
  const variable = (name: string) => env.get(name) ?? name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
  const row = (atoms: readonly Atom[]) =>
    joined(atoms)
      .map(atom => word(atom, variable, row))
      .join('') || "''"
  const rows = [...headers.map(([, value]) => value), ...steps.flatMap(step => (step.kind === 'text' ? [step.value] : []))]
  const encodes = rows.flat().some(atom => 'encoded' in atom)
  return [
    '# a POSIX shell, with curl and openssl',
    'set -eu',
    ...(encodes ? ['urlencode() { printf %s "$1" | od -An -v -tx1 | tr -d "\\n" | tr -s " " | sed "s/ *$//; s/ /%/g"; }'] : []),
    ...steps.map(step => line(step, variable, row)),
    '',
    `curl -sS -i -X ${method} "$URL"${headers.length > 0 || body ? ' \\' : ''}`,
    ...headers.map(([name, value], i) => `  -H ${row([{ text: `${name}: ` }, ...value])}${i < headers.length - 1 || body ? ' \\' : ''}`),
    ...(body ? ['  --data-binary "$BODY"'] : []),
  ].join('\n')
}

type Naming = (name: string) => string
type Row = (atoms: readonly Atom[]) => string

function line(step: Step, variable: Naming, row: Row): string {
  const name = variable(step.name)
  switch (step.kind) {
    case 'env':
      return `: "\${${step.env}:?set it to ${step.about.replaceAll(/["$`\\{}]/g, '')}}"`
    case 'time':
      if (step.format === 'rfc3339') return `${name}=$(date -u +%Y-%m-%dT%H:%M:%SZ)`
      return `${name}=$(date +%s)${step.format === 'unix' ? '' : '000'}`
    case 'random':
      return `${name}=$(openssl rand -hex 16) # the same one when you send this request again`
    case 'text':
      return `${name}=${row(step.value)}`
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const from = variable(step.key)
      const text = secret.stripPrefix ? `\${${from}#${shell(secret.stripPrefix)}}` : `$${from}`
      const bytes = secret.encoding === 'base64' ? `printf %s "${text}" | openssl base64 -d -A` : `printf %s "${text}"`
      const key = secret.encoding === 'hex' ? `KEY_HEX="${text}"` : `KEY_HEX=$(${bytes} | od -An -v -tx1 | tr -d ' \\n')`
      const made = `printf %s "$${variable(step.message)}" | openssl dgst -${algorithm} -mac HMAC -macopt "hexkey:$KEY_HEX"`
      return `${key}\n${name}=$(${made} ${encoding === 'hex' ? "-r | cut -d' ' -f1" : '-binary | openssl base64 -A'})`
    }
    case 'sign':
      return ''
  }
}

function word(atom: Atom, variable: Naming, row: Row): string {
  if ('text' in atom) return shell(atom.text)
  if ('encoded' in atom) return `"$(urlencode "$${variable(atom.encoded)}")"`
  if ('name' in atom) return `"$${variable(atom.name)}"`
  return `"$(printf %s ${row(atom.base64)} | openssl base64 -A)"`
}

const shell = (text: string) => (/^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
