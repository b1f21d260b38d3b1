/** The certificates that Amazon signs with. */
import { verify, type X509Certificate } from 'node:crypto'
import { fetchText, type Host, keep, type Send, Unavailable } from '#core/plugin.ts'
import type { Message } from './message.ts'
import { read, type Settings } from './settings.ts'

const DAY = 86_400_000

/** Undefined when the message is signed; else why it is not. Rejects with `Unavailable` when the certificate cannot be had. */
export type Judge = (message: Message) => Promise<string | undefined>

export function openCertificates({ certificates, allowSha1 }: Settings, host: Pick<Host, 'now'>, send?: Send): Judge {
  const inline = certificates?.flatMap(pem => read(pem) ?? [])
  const load = async (url: string): Promise<X509Certificate | undefined> => {
    const { status, text } = await fetchText({ url, most: 16_384 }, send)
    // Amazon has never had one of that name, or has no longer.
    if (status === 403 || status === 404) return undefined
    const certificate = status === 200 ? read(text) : undefined
    if (!certificate) throw new Unavailable(`${new URL(url).host} answered ${status} instead of a certificate`)
    return certificate
  }
  // What a certificate's name stands for does not change. Strangers can make up names, so few are asked for at once.
  const kept = keep(load, { now: host.now, fresh: DAY, stale: 7 * DAY, pause: 10_000, most: 64, loads: 8 })

  return async message => {
    const { version, text, signature, certificate: url } = message
    if (version === '1' && !allowSha1) return 'sha1-not-allowed'
    const found = inline ?? [await kept.get(url)].flatMap(certificate => certificate ?? [])
    if (found.length === 0) return 'unknown-certificate'
    const now = host.now()
    const valid = found.filter(({ validFrom, validTo }) => Date.parse(validFrom) <= now && now <= Date.parse(validTo))
    if (valid.length === 0) return 'certificate-out-of-date'
    const hash = version === '1' ? 'sha1' : 'sha256'
    return valid.some(({ publicKey }) => verify(hash, Buffer.from(text), publicKey, signature)) ? undefined : 'signature-mismatch'
  }
}
