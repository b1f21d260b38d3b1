/** Certificates for tests, made by openssl. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { binary } from '../support/binary.ts'
import { folder } from '../support/child.ts'

const run = promisify(execFile)

/**
 * A folder with an authority (`ca.crt`), another that nobody trusts (`stranger.crt`), and certificates with keys: `name` for good.test,
 * `localhost`, `address` for 127.0.0.1, `expired` and `unknown` (by the stranger) for good.test.
 */
export async function certificates(): Promise<string> {
  const openssl = await binary(['openssl'], () => [], 'openssl')
  const cwd = folder()
  const ssl = (...args: string[]) => run(openssl, args, { cwd })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = async (name: string) => {
    const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    await ssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', '-subj', `/CN=${name}`, ...extensions)
  }
  const certificate = async (name: string, names: string, { by = 'ca', days = '2' } = {}) => {
    writeFileSync(join(cwd, `${name}.ext`), `subjectAltName=${names}\n`)
    await ssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const signed = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', days, '-extfile', `${name}.ext`]
    await ssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signed)
  }
  await Promise.all([authority('ca'), authority('stranger')])
  await certificate('name', 'DNS:good.test')
  await certificate('localhost', 'DNS:localhost')
  await certificate('address', 'IP:127.0.0.1')
  await certificate('expired', 'DNS:good.test', { days: '-1' })
  await certificate('unknown', 'DNS:good.test', { by: 'stranger' })
  return cwd
}
