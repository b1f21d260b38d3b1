/** The recipe as a program for Go, with its standard library alone. */
import type { Atom, Recipe, Step } from '../recipe.ts'

export function go({ steps, method, headers, body }: Recipe): string {
  const used = new Set(['fmt', 'io', 'log', 'net/http'])
  if (body) used.add('strings')
  for (const step of steps) for (const name of imports(step)) used.add(name)
  const rows = [...headers.map(([, value]) => value), ...steps.flatMap(step => (step.kind === 'text' ? [step.value] : []))]
  for (const atom of rows.flat()) {
    if ('base64' in atom) used.add('encoding/base64')
    if ('encoded' in atom) used.add('net/url').add('strings')
  }
  return [
    '// Go 1.21 or later: save as main.go, then `go run main.go`',
    'package main',
    '',
    'import (',
    ...[...used].sort().map(name => (name === 'net/url' ? '\tneturl "net/url"' : `\t"${name}"`)),
    ')',
    '',
    'func main() {',
    ...steps.flatMap(lines).map(text => `\t${text}`),
    '',
    `\trequest, err := http.NewRequest(${quoted(method)}, url, ${body ? 'strings.NewReader(body)' : 'nil'})`,
    ...failing,
    ...headers.map(([name, value]) => `\trequest.Header.Set(${quoted(name)}, ${row(value)})`),
    '\tresponse, err := http.DefaultClient.Do(request)',
    ...failing,
    '\tdefer response.Body.Close()',
    '\tanswer, _ := io.ReadAll(response.Body)',
    '\tfmt.Println(response.StatusCode, string(answer))',
    '}',
  ].join('\n')
}

const failing = ['\tif err != nil {', '\t\tlog.Fatal(err)', '\t}']

function imports(step: Step): string[] {
  if (step.kind === 'env') return ['os']
  if (step.kind === 'time') return step.format === 'rfc3339' ? ['time'] : ['strconv', 'time']
  if (step.kind === 'random') return ['crypto/rand', 'encoding/hex']
  if (step.kind !== 'hmac') return []
  const { secret, encoding, algorithm } = step.scheme
  const coded = [secret.encoding, encoding].flatMap(name => (name === 'utf8' ? [] : [`encoding/${name}`]))
  return ['crypto/hmac', `crypto/${algorithm}`, ...coded, ...(secret.stripPrefix ? ['strings'] : [])]
}

function lines(step: Step): string[] {
  const { name } = step
  switch (step.kind) {
    case 'env':
      return [`${name} := os.Getenv(${quoted(step.env)}) // ${step.about}`]
    case 'time':
      if (step.format === 'rfc3339') return [`${name} := time.Now().UTC().Format(time.RFC3339)`]
      return [`${name} := strconv.FormatInt(time.Now().Unix${step.format === 'unix' ? '' : 'Milli'}(), 10)`]
    case 'random':
      return [
        'random := make([]byte, 16)',
        'rand.Read(random)',
        `${name} := hex.EncodeToString(random) // the same one when you send this request again`,
      ]
    case 'text':
      return [`${name} := ${row(step.value)}`]
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const text = secret.stripPrefix ? `strings.TrimPrefix(${step.key}, ${quoted(secret.stripPrefix)})` : step.key
      const decoder = secret.encoding === 'hex' ? 'hex.DecodeString' : 'base64.StdEncoding.DecodeString'
      const key =
        secret.encoding === 'utf8'
          ? [`secretBytes := []byte(${text})`]
          : [`secretBytes, err := ${decoder}(${text})`, ...failing.map(line => line.slice(1))]
      const encode = encoding === 'hex' ? 'hex.EncodeToString' : 'base64.StdEncoding.EncodeToString'
      const hash = algorithm === 'sha1' ? 'sha1.New' : `${algorithm}.New`
      // `err` is declared by the key here, so that it is not declared anew below.
      return [...key, `mac := hmac.New(${hash}, secretBytes)`, `mac.Write([]byte(${step.message}))`, `${name} := ${encode}(mac.Sum(nil))`]
    }
    case 'sign':
      return []
  }
}

function row(atoms: readonly Atom[]): string {
  return atoms.length === 0 ? '""' : atoms.map(value).join(' + ')
}

function value(atom: Atom): string {
  if ('text' in atom) return quoted(atom.text)
  // A query's plus sign would be signed as it stands, and read as a space.
  if ('encoded' in atom) return `strings.ReplaceAll(neturl.QueryEscape(${atom.encoded}), "+", "%20")`
  return 'name' in atom ? atom.name : `base64.StdEncoding.EncodeToString([]byte(${row(atom.base64)}))`
}

const quoted = (text: string) => (text.includes('"') && !/[`\r]/.test(text) ? `\`${text}\`` : JSON.stringify(text))
