/** The pages in a browser: nothing on the console, nothing from another origin, and what they are for is there to see. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { available } from '../support/available.ts'
import { binary } from '../support/binary.ts'
import { type Gateway, gateway } from '../support/process.ts'

setDefaultTimeout(120_000)

const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "pglite://memory" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
  orders:
    summary: Orders <i>of</i> a shop
    path: /orders
    example: { id: A-1, note: '</script><script>document.title = "taken"</script>' }
    chain:
      - auth-bearer: { keys: [a-key-of-the-browser-test] }
      - idempotency
      - validation: { schema: { type: object, required: [id], properties: { id: { type: string } } } }
      - upsert: { entity: order }
  signed: { path: /signed, verify: true, chain: [{ auth-hmac: { preset: stripe, secrets: [a-secret-of-the-browser-test] } }, replay-window, dispatch] }
`

const inBrowser = await available('Chromium', () => binary(['chromium', 'chromium-browser', 'google-chrome'], () => [], 'chromium'))

inBrowser('the pages of a sender', program => {
  let running: Gateway
  let browser: Browser
  beforeAll(async () => {
    running = await gateway({ config })
    // Within a container there is no other sandbox, and /dev/shm is small.
    browser = await chromium.launch({
      executablePath: program,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      timeout: 90_000,
    })
  })
  afterAll(async () => {
    await browser?.close()
    running?.kill()
    await running?.exited
  })

  /** Opens a page, and gives what it did that it should not, with what `look` saw. */
  async function visit<T>(path: string, how: { colorScheme?: 'light' | 'dark'; width?: number }, look: (page: Page) => Promise<T>) {
    const context = await browser.newContext({
      colorScheme: how.colorScheme ?? 'light',
      viewport: { width: how.width ?? 1200, height: 900 },
    })
    try {
      const page = await context.newPage()
      page.setDefaultTimeout(60_000)
      const faults: string[] = []
      page.on('console', message => void (['error', 'warning'].includes(message.type()) && faults.push(message.text())))
      page.on('pageerror', error => void faults.push(error.message))
      page.on('response', response => void (response.status() >= 400 && faults.push(`${response.status()} ${response.url()}`)))
      page.on('request', request => {
        const url = request.url()
        if (!url.startsWith(running.url) && !url.startsWith('data:')) faults.push(`asks ${url}`)
      })
      await page.goto(running.url + path)
      return { seen: await look(page), faults }
    } finally {
      await context.close()
    }
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`/docs shows every operation, ${colorScheme}`, async () => {
      const { seen, faults } = await visit('/docs', { colorScheme }, async page => {
        await page.waitForSelector('#operations-signed-signed')
        await page.click('#operations-orders-orders .opblock-summary-control')
        await page.waitForSelector('#operations-orders-orders .responses-table .response[data-code="503"]')
        return {
          paths: await page.locator('.opblock-summary-path').evaluateAll(all => all.map(one => (one as { dataset?: any }).dataset.path)),
          links: await page.locator('.top a').allTextContents(),
          body: await page.locator('#operations-orders-orders .opblock-section-request-body .microlight').first().textContent(),
          dark: await page.locator('html.dark-mode').count(),
          title: await page.title(),
        }
      })
      expect(faults).toEqual([])
      expect(seen.paths).toEqual(['/orders', '/signed', '/signed/verify'])
      expect(seen.links).toEqual(['Orders <i>of</i> a shop', 'signed'])
      expect(seen.body).toContain('"id": "A-1"')
      expect([seen.dark, seen.title]).toEqual([colorScheme === 'dark' ? 1 : 0, 'Webhooks'])
    })
  }

  test('a request can be tried from there', async () => {
    const { seen, faults } = await visit('/docs', {}, async page => {
      await page.click('.btn.authorize')
      await page.fill('.auth-container input', 'a-key-of-the-browser-test')
      await page.click('.auth-btn-wrapper .authorize >> nth=0')
      await page.click('.auth-btn-wrapper .btn-done >> nth=0')
      await page.click('#operations-orders-orders .opblock-summary-control')
      await page.click('#operations-orders-orders .try-out__btn')
      await page.click('#operations-orders-orders .execute')
      return page.locator('#operations-orders-orders .live-responses-table tbody .response-col_status').first().textContent()
    })
    expect(faults).toEqual([])
    expect(seen).toStartWith('201')
  })

  for (const [colorScheme, width] of [
    ['light', 1200],
    ['dark', 1200],
    ['light', 390],
  ] as const) {
    test(`/docs/orders, ${colorScheme}, ${width} wide`, async () => {
      const { seen, faults } = await visit('/docs/orders', { colorScheme, width }, async page => {
        await page.waitForSelector('#retries')
        const code = page.locator('.samples pre')
        const before = await code.evaluateAll(all => all.map(one => (one as unknown as { offsetHeight: number }).offsetHeight > 0))
        await page.click('label[for=sample-2]')
        const after = await code.evaluateAll(all => all.map(one => (one as unknown as { offsetHeight: number }).offsetHeight > 0))
        return {
          heading: await page.locator('h1').textContent(),
          background: await page.evaluate('getComputedStyle(document.body).backgroundColor'),
          // Nothing makes the whole page scroll sideways.
          tooWide: await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
          title: await page.title(),
          before,
          after,
        }
      })
      expect(faults).toEqual([])
      expect(seen).toEqual({
        heading: 'Orders <i>of</i> a shop',
        background: colorScheme === 'dark' ? 'rgb(20, 24, 28)' : 'rgb(255, 255, 255)',
        tooWide: 0,
        title: 'Orders <i>of</i> a shop',
        before: [true, false, false, false, false],
        after: [false, false, true, false, false],
      })
    })
  }
})
