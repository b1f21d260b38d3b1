/** The page with the whole document, shown by Swagger UI from our own origin. */
import type { Webhook } from '../config/config.ts'
import { assetUrl } from './assets.ts'
import { type Html, html } from './html.ts'

/** More webhooks than these are folded. */
const MANY = 25

export function reference(webhooks: readonly Webhook[]): Html {
  const many = webhooks.length > MANY
  const list = html`<ul>${webhooks.map(({ name, summary }) => html`<li><a href="/docs/${name}">${summary ?? name}</a></li>`)}</ul>`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Webhooks</title>
<link rel="icon" href="${assetUrl('favicon-32x32.png')}">
<link rel="stylesheet" href="${assetUrl('swagger-ui.css')}">
<link rel="stylesheet" href="${assetUrl('swagger.css')}">
</head>
<body>
<div class="top">
<h1>How to send, with sample code</h1>
${many ? html`<details><summary>${webhooks.length} webhooks</summary>${list}</details>` : list}
</div>
<div id="ui" data-many="${many ? 'yes' : 'no'}"></div>
<script src="${assetUrl('swagger-ui-bundle.js')}"></script>
<script src="${assetUrl('swagger.js')}"></script>
</body>
</html>
`
}
