/** The sender's page of one webhook: what to send, how to sign it, and what the answers mean. Plain HTML, no script. */
import type { Answer } from './answers.ts'
import { groupsOf, rowsOf } from './bodyTable.ts'
import { type Html, html, prose } from './html.ts'
import { size } from './operation.ts'
import type { Profile } from './profile.ts'
import { plainExample, recipeOf } from './recipe.ts'
import { samplesOf } from './samples/index.ts'
import { algorithmName, schemeOf } from './scheme.ts'
import { vectorOf } from './vector.ts'
import type { Field, Way } from './ways.ts'
import { signingWords } from './words.ts'

/** The whole page; `css` and `icon` are URLs. */
export function page(profile: Profile, css: string, icon: string): Html {
  const { webhook, title, bases } = profile
  const urls = bases.map(base => `${base}${webhook.path}`)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${css}">
</head>
<body>
<header><nav><a href="/docs">All webhooks</a></nav><h1>${title}</h1>
<p class="urls">${urls.map(url => html`<code><b>${webhook.methods.join(' ')}</b> ${url}</code>`)}</p></header>
<main>
${toc(profile)}
${whatToSend(profile)}
${credentials(profile)}
${samples(profile)}
${answers(profile)}
${retries(profile)}
${asking(profile)}
</main>
<footer><a href="/openapi.json">OpenAPI document</a></footer>
</body>
</html>
`
}

function toc({ asking }: Profile): Html {
  const all = [
    ['send', 'What to send'],
    ['credentials', 'Credentials'],
    ['samples', 'Sample code'],
    ['answers', 'Answers'],
    ['retries', 'Sending again'],
    ...(asking ? [['verify', 'Trying a signature']] : []),
  ]
  return html`<nav class="toc">${all.map(([id, text]) => html`<a href="#${id}">${text}</a>`)}</nav>`
}

function whatToSend(profile: Profile): Html {
  const { webhook, headers, query, payload, types, example, params } = profile
  const bodied = webhook.methods.some(method => method !== 'GET')
  const gets = webhook.methods.includes('GET')
  const others = { drop: 'Other fields are dropped.', reject: 'Any other field is refused.', keep: 'Other fields are kept.' }
  const content: Field = {
    name: 'Content-Type',
    description: `\`${types.join('` or `')}\``,
    required: types.length === 1 || !bodied,
    example: types[0] ?? '',
  }
  const sent = headers.some(({ name }) => name.toLowerCase() === 'content-type') || !bodied ? headers : [content, ...headers]
  const rows = payload.schema ? rowsOf(payload.schema) : []
  const groups = payload.schema ? groupsOf(payload.schema) : []
  return html`<section id="send"><h2>What to send</h2>
<p>${
    bodied
      ? prose(
          webhook.listAs === undefined
            ? `One JSON object a request, in UTF-8 and not compressed, of at most ${size(webhook.bodyLimit)}.`
            : `One JSON list a request, in UTF-8 and not compressed, of at most ${size(webhook.bodyLimit)}.`,
        )
      : 'A GET without a body: the fields are the parameters of its query.'
  }${bodied && gets ? ' With GET the fields are the parameters of the query.' : ''} Numbers beyond 2<sup>53</sup> go as text.</p>
${
  params.length > 0 &&
  html`<h3>In the path</h3>${table(
    ['parameter', 'what it is'],
    params.map(name => [
      html`<code>{${name}}</code>`,
      name === 'token'
        ? 'The token of your URL. It is a secret: whoever has the URL can send.'
        : 'Part of the address that you were given.',
    ]),
  )}`
}
${sent.length > 0 && html`<h3>Headers</h3>${fields('header', sent)}`}
${query.length > 0 && html`<h3>Query parameters</h3>${fields('parameter', query)}`}
<h3>${bodied ? 'Body' : 'Fields'}</h3>
${
  rows.length > 0
    ? html`${table(
        ['field', 'type', '', 'about'],
        rows.map(row => [html`<code>${row.path}</code>`, row.type, row.required && html`<b class="needed">needed</b>`, prose(row.about)]),
      )}${groups.length > 0 && html`<p>At least one of these is needed: ${groups.map((names, i) => html`${i > 0 && ' or '}${names.map((name, j) => html`${j > 0 && ' with '}<code>${name}</code>`)}`)}.</p>`}<p>${payload.others && others[payload.others]}</p>`
    : html`<p>Any fields.</p>`
}
${example !== undefined && html`<figure><figcaption>Example</figcaption><pre><code>${JSON.stringify(example, null, 2)}</code></pre></figure>`}
</section>`
}

function fields(kind: string, all: readonly Field[]): Html {
  return table(
    [kind, '', 'about', 'example'],
    all.map(({ name, required, description, example, maxLength }) => [
      html`<code>${name}</code>`,
      required && html`<b class="needed">needed</b>`,
      html`${prose(description)}${maxLength !== undefined && ` At most ${maxLength} characters.`}`,
      example !== undefined && html`<code>${plainExample(example)}</code>`,
    ]),
  )
}

function credentials(profile: Profile): Html {
  const { ways } = profile
  const told = ways.map((way, i) => html`${ways.length > 1 && html`<h3>${i + 1}. ${nameOf(way)}</h3>`}${wayWords(profile, way)}`)
  return html`<section id="credentials"><h2>Credentials</h2>
${ways.length > 1 && html`<p>There are ${ways.length} ways to be let in; one of them is enough.</p>`}
${told}
</section>`
}

function nameOf(way: Way): string {
  const [scheme] = way.schemes
  if (scheme) return algorithmName(scheme)
  const names = way.headers.filter(field => field.required).map(({ name }) => name)
  return names.join(' and ') || way.query.map(({ name }) => name).join(' and ') || 'Nothing to show'
}

function wayWords({ params, unclear }: Profile, way: Way): Html {
  const secured = Object.values(way.security)
  const plain = secured
    .filter(scheme => !schemeOf(scheme['x-postern-signature']))
    .map(scheme => {
      if (scheme.type === 'http' && scheme.scheme === 'basic') return 'Send your name and password as HTTP Basic authentication.'
      if (scheme.type === 'http')
        return `Send your ${scheme.bearerFormat === 'JWT' ? 'token (a JWT)' : 'key'} as \`Authorization: Bearer …\`.`
      // A signature of a plugin's own kind: only its description tells how it is made.
      if (scheme['x-postern-signature']) return typeof scheme.description === 'string' ? scheme.description : ''
      if (scheme.type === 'apiKey')
        return `Send your credential in the ${scheme.in === 'query' ? 'query parameter' : 'header'} \`${scheme.name}\`.`
      return typeof scheme.description === 'string' ? scheme.description : ''
    })
  const token = params.includes('token') && 'The token in the URL is your credential: keep the URL secret.'
  const silent = secured.length === 0 && way.schemes.length === 0 && !token
  const body = unclear && 'The body itself shows who sends it: see its fields above.'
  const open = silent && !unclear && 'This webhook asks for no credential.'
  return html`${[token, body, open, ...plain].map(text => text && html`<p>${prose(text)}</p>`)}
${way.schemes.map(
  scheme => html`<p>Each request is signed:</p><ol>${signingWords(scheme).map(text => html`<li>${prose(text)}</li>`)}</ol>
${scheme.page?.startsWith('https:') && html`<p>It is the scheme of <a href="${scheme.page}" rel="noreferrer">this page</a>.</p>`}`,
)}`
}

function samples(profile: Profile): Html {
  const recipes = profile.ways.map(way => ({ way, recipe: recipeOf(profile, way) }))
  const [first] = recipes.filter(({ recipe }) => typeof recipe !== 'string')
  const recipe = first?.recipe
  if (!recipe || typeof recipe === 'string')
    return html`<section id="samples"><h2>Sample code</h2><p>${prose(String(recipes[0]?.recipe ?? ''))}</p></section>`
  const env = recipe.steps.flatMap(step => (step.kind === 'env' ? [step] : []))
  const all = samplesOf(recipe)
  const alone =
    recipe.steps.some(step => step.kind === 'sign') &&
    html`<p>To sign with a private key takes a library elsewhere: samples for Node.js and Python.</p>`
  return html`<section id="samples"><h2>Sample code</h2>
${env.length > 0 && html`<p>Set ${env.map((step, i) => html`${i > 0 && (i === env.length - 1 ? ' and ' : ', ')}<code>${step.env}</code> (${step.about})`)} in the environment, never in the code.</p>`}
${alone}
<div class="samples">${all.map(
    ({ title, code }, i) =>
      html`<input type="radio" name="sample" id="sample-${i}"${i === 0 && html` checked`}><label for="sample-${i}">${title}</label><pre tabindex="0"><code>${code}</code></pre>`,
  )}</div>
${vector(recipe)}
</section>`
}

function vector(recipe: Parameters<typeof vectorOf>[0]): Html | undefined {
  const made = vectorOf(recipe)
  if (!made) return undefined
  const timed = recipe.steps.some(step => step.kind === 'time')
  const rows: [string, string][] = [
    ...Object.entries(made.env),
    ...(timed ? [['time', made.at] as [string, string]] : []),
    ['URL', made.url],
    ...(made.body ? [['body', made.body] as [string, string]] : []),
    ['signed text', made.message ?? ''],
    ...made.headers,
  ]
  return html`<h3 id="vector">To check your own code</h3>
<p>With this made-up secret${timed && ' at this time'}, your code must make exactly these headers.</p>
${table(
  ['', ''],
  rows.map(([name, value]) => [html`<code>${name}</code>`, html`<code class="exact">${value}</code>`]),
  'vector',
)}`
}

function answers({ answers: all, wrongMethod, webhook, told }: Profile): Html {
  const good = all.filter(answer => answer.good)
  const bad = [
    ...all.filter(answer => !answer.good),
    { ...wrongMethod, summary: `${wrongMethod.summary} The header \`Allow\` lists those that it takes.` },
  ].sort((a, b) => a.status - b.status)
  const names = Object.entries(told)
  return html`<section id="answers"><h2>Answers</h2>
<p>A 2xx means that what you sent is kept. Anything else means that nothing was written. Tell errors apart by the status and the code; the message may change.</p>
${table(
  ['status', 'what happened', 'body'],
  good.map(answer => [String(answer.status), answer.summary, body(answer)]),
)}
${names.length > 0 && html`<p>Beside it: ${names.map(([name, field]) => html`<code>${name}</code>: ${prose(field.description)} `)}</p>`}
<h3>Errors</h3>
${table(
  ['status', 'code', 'what it means', 'send again?'],
  bad.map(answer => [
    String(answer.status),
    html`<code>${answer.code}</code>`,
    html`${prose(answer.summary)}${webhook.dialect !== '' && answer.body !== undefined && html`<details><summary>body</summary>${body(answer)}</details>`}`,
    again(answer),
  ]),
  'codes',
)}
</section>`
}

function body(answer: Answer): Html {
  return answer.body === undefined ? html`none` : html`<pre><code>${JSON.stringify(answer.body, null, 2)}</code></pre>`
}

function again({ status, retryAfter }: Answer): string {
  if (retryAfter) return 'Yes, after the seconds that Retry-After says.'
  if (status === 429) return 'Yes, but later: with growing pauses.'
  if (status === 408 || status >= 500) return 'Yes, with growing pauses.'
  return 'No: the same request gets the same answer.'
}

function retries({ repeats }: Profile): Html {
  return html`<section id="retries"><h2>Sending again</h2>
<ul>
<li>Without any answer, and after 408, 429 and 5xx: send the same request again, after <code>Retry-After</code> seconds where the answer has that header, else after 1 s, 2 s, 4 s and so on, with some chance in it, up to some minutes.</li>
${
  repeats.length > 0
    ? repeats.map(text => html`<li>${prose(text)}</li>`)
    : html`<li>There is no idempotency key here: a request that was kept, and whose answer was lost on its way, is taken twice when it is sent again, unless its id says which record it is.</li>`
}
<li>After any other 4xx: do not. The same request gets the same answer; correct it first.</li>
</ul></section>`
}

function asking({ asking, webhook, bases }: Profile): Html | false {
  return (
    asking !== undefined &&
    html`<section id="verify"><h2>Trying a signature</h2>
<p>Send the same request as a POST to <code>${bases[0]}${webhook.path}/verify</code>, signed for the webhook's own address, without <code>/verify</code>. Nothing is stored. <code>{"verified":true}</code> says that it would be let in; otherwise you get the same 401 as from the webhook.</p></section>`
  )
}

function table(head: readonly string[], rows: readonly (readonly (Html | string | false | undefined)[])[], name = ''): Html {
  const titled = head.some(Boolean)
  return html`<div class="scroll"><table class="${name}">${titled && html`<thead><tr>${head.map(text => html`<th scope="col">${text}</th>`)}</tr></thead>`}<tbody>${rows.map(
    cells => html`<tr>${cells.map(cell => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`
}
