/** The recipe as a program for Python, without packages where it can be. */
import type { Atom, Recipe, Step } from '../recipe.ts'

export function python({ steps, method, headers, body }: Recipe): string {
  const used = new Set(['os', 'urllib.error', 'urllib.request'])
  for (const step of steps) for (const module of modules(step)) used.add(module)
  const rows = [...headers.map(([, value]) => value), ...steps.flatMap(step => (step.kind === 'text' ? [step.value] : []))]
  for (const atom of rows.flat()) {
    if ('base64' in atom) used.add('base64')
    if ('encoded' in atom) used.add('urllib.parse')
  }
  const asymmetric = steps.find(step => step.kind === 'sign')
  return [
    asymmetric ? '# Python 3.8 or later, with `pip install cryptography`' : '# Python 3.8 or later, nothing to install',
    ...[...used].sort().map(module => `import ${module}`),
    ...(asymmetric ? ['from cryptography.hazmat.primitives import hashes, serialization'] : []),
    ...(asymmetric && asymmetric.scheme.kind === 'ecdsa-p256' ? ['from cryptography.hazmat.primitives.asymmetric import ec'] : []),
    '',
    ...steps.map(line),
    '',
    'request = urllib.request.Request(',
    '    url,',
    `    method=${quoted(method)},`,
    ...(body ? ['    data=body.encode(),'] : []),
    '    headers={',
    ...headers.map(([name, value]) => `        ${quoted(name)}: ${row(value)},`),
    '    },',
    ')',
    'try:',
    '    response = urllib.request.urlopen(request, timeout=10)',
    'except urllib.error.HTTPError as error:',
    '    response = error',
    'print(response.status, response.read().decode())',
  ].join('\n')
}

function modules(step: Step): string[] {
  if (step.kind === 'random') return ['uuid']
  if (step.kind === 'time') return step.format === 'rfc3339' ? ['datetime'] : ['time']
  if (step.kind !== 'hmac' && step.kind !== 'sign') return []
  const base64 = step.scheme.encoding === 'base64' || step.scheme.secret.encoding === 'base64' ? ['base64'] : []
  return [...base64, ...(step.kind === 'hmac' ? ['hashlib', 'hmac'] : [])]
}

function line(step: Step): string {
  const name = snake(step.name)
  switch (step.kind) {
    case 'env':
      return `${name} = os.environ[${quoted(step.env)}]  # ${step.about}`
    case 'time':
      if (step.format === 'rfc3339') return `${name} = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")`
      return `${name} = str(int(time.time()${step.format === 'unix' ? '' : ' * 1000'}))`
    case 'random':
      return `${name} = str(uuid.uuid4())  # the same one when you send this request again`
    case 'text':
      return `${name} = ${row(step.value)}`
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const prefix = secret.stripPrefix
      const text = prefix ? `(${step.key}[${prefix.length}:] if ${step.key}.startswith(${quoted(prefix)}) else ${step.key})` : step.key
      const key =
        secret.encoding === 'hex'
          ? `bytes.fromhex(${text})`
          : secret.encoding === 'base64'
            ? `base64.b64decode(${text})`
            : `${text}.encode()`
      const made = `hmac.new(${key}, ${step.message}.encode(), hashlib.${algorithm})`
      return `${name} = ${encoding === 'hex' ? `${made}.hexdigest()` : `base64.b64encode(${made}.digest()).decode()`}`
    }
    case 'sign': {
      const more = step.scheme.kind === 'ecdsa-p256' ? ', ec.ECDSA(hashes.SHA256())' : ''
      const made = `serialization.load_pem_private_key(${step.key}.encode(), None).sign(${step.message}.encode()${more})`
      return `${name} = ${step.scheme.encoding === 'hex' ? `${made}.hex()` : `base64.b64encode(${made}).decode()`}`
    }
  }
}

function row(atoms: readonly Atom[]): string {
  if (atoms.every(atom => 'text' in atom)) return quoted(atoms.map(atom => ('text' in atom ? atom.text : '')).join(''))
  return atoms.map(value).join(' + ')
}

function value(atom: Atom): string {
  if ('text' in atom) return quoted(atom.text)
  if ('encoded' in atom) return `urllib.parse.quote(${snake(atom.encoded)}, safe="")`
  return 'name' in atom ? snake(atom.name) : `base64.b64encode((${row(atom.base64)}).encode()).decode()`
}

const snake = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
const quoted = (text: string) =>
  text.includes('"') && !text.includes("'")
    ? `'${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
    : JSON.stringify(text)
