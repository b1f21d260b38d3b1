// A receiver for config/examples/deliveries.yaml: prints each delivery whose signature holds. `node config/examples/sink.mjs [PORT]`
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(process.env.CRM_SECRET ?? 'whsec_cG9zdGVybi1kZW1vLXNlY3JldC1vZi0zMi1ieXRlcyE=')
const port = Number(process.argv[2] ?? 9999)

createServer(async (request, response) => {
  let body = ''
  for await (const part of request.setEncoding('utf8')) body += part
  try {
    console.log(request.headers['webhook-id'], webhook.verify(body, request.headers))
    response.writeHead(204).end()
  } catch (error) {
    console.error(`refused: ${error.message}`)
    response.writeHead(401).end()
  }
}).listen(port, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${port}`))
