/* global SwaggerUIBundle */
const ui = document.getElementById('ui')
const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
paint()
dark.addEventListener('change', paint)

SwaggerUIBundle({
  domNode: ui,
  url: '/openapi.json',
  // None of ours goes to a validator elsewhere.
  validatorUrl: null,
  deepLinking: true,
  filter: ui.dataset.many === 'yes',
  docExpansion: ui.dataset.many === 'yes' ? 'none' : 'list',
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
})
