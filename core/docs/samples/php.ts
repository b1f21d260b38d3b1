/** The recipe as a program for PHP, without packages. */
import { type Atom, joined, type Recipe, type Step } from '../recipe.ts'

export function php({ steps, method, headers, body }: Recipe): string {
  return [
    '<?php',
    '// PHP 8.0 or later, nothing to install',
    ...steps.map(line),
    '',
    "$stream = fopen($url, 'r', false, stream_context_create(['http' => [",
    `    'method' => ${quoted(method)},`,
    "    'header' => [",
    ...headers.map(([name, value]) => `        ${row([{ text: `${name}: ` }, ...value])},`),
    '    ],',
    ...(body ? ["    'content' => $body,"] : []),
    "    'ignore_errors' => true,",
    "    'timeout' => 10,",
    ']]));',
    "echo stream_get_meta_data($stream)['wrapper_data'][0], ' ', stream_get_contents($stream), PHP_EOL;",
  ].join('\n')
}

function line(step: Step): string {
  const name = `$${step.name}`
  switch (step.kind) {
    case 'env':
      return `${name} = getenv(${quoted(step.env)}); // ${step.about}`
    case 'time':
      if (step.format === 'rfc3339') return `${name} = gmdate('Y-m-d\\TH:i:s\\Z');`
      return `${name} = (string) ${step.format === 'unix' ? 'time()' : '(time() * 1000)'};`
    case 'random':
      return `${name} = bin2hex(random_bytes(16)); // the same one when you send this request again`
    case 'text':
      return `${name} = ${row(step.value)};`
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const cut = secret.stripPrefix
        ? `preg_replace(${quoted(`/^${secret.stripPrefix.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}/`)}, '', $${step.key})`
        : `$${step.key}`
      const key = secret.encoding === 'hex' ? `hex2bin(${cut})` : secret.encoding === 'base64' ? `base64_decode(${cut})` : cut
      const made = `hash_hmac('${algorithm}', $${step.message}, ${key}${encoding === 'hex' ? '' : ', true'})`
      return `${name} = ${encoding === 'hex' ? made : `base64_encode(${made})`};`
    }
    case 'sign':
      return ''
  }
}

function row(atoms: readonly Atom[]): string {
  return joined(atoms).map(value).join(' . ') || "''"
}

function value(atom: Atom): string {
  if ('text' in atom) return quoted(atom.text)
  if ('encoded' in atom) return `rawurlencode($${atom.encoded})`
  return 'name' in atom ? `$${atom.name}` : `base64_encode(${row(atom.base64)})`
}

const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`
