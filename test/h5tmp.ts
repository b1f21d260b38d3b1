import { certificates } from './outbox/certificates.ts'
process.env.CERTIFICATES = await certificates()
const { cases, withCertificates } = await import('./outbox/cases/nats.ts')
let now = ''
process.on('uncaughtException', e => console.log('UNCAUGHT', now, e.message))
for (const [name, run, want] of [...cases, ...withCertificates]) { now = name; const got = await run().catch(String); if (JSON.stringify(got) !== JSON.stringify(want)) console.log('BAD', name, got); await new Promise(d => setTimeout(d, 100)) }
process.exit(0)
