/** Where and how a webhook is called. */
import { problemDialect } from '../config/problemDialect.ts'
import type { Found, Pair } from './change.ts'
import { said, size, without } from './said.ts'
import { type Twins, twins } from './steps.ts'

export function* endpoint(pair: Pair): Generator<Found> {
  for (const both of twins(pair)) {
    const path = ['webhooks', both.new.name]
    for (const found of address(both)) yield { ...found, path: [...path, ...found.path] }
    for (const found of taken(both)) yield { ...found, path: [...path, ...found.path] }
  }
}

function* address({ old, new: now }: Twins): Generator<Found> {
  if (old.path !== now.path)
    yield {
      severity: 'breaking',
      rule: 'path-changed',
      path: ['path'],
      message: 'requests to the old path get 404',
      from: old.path,
      to: now.path,
      cure: 'give senders the new address, and keep the old path in a webhook of its own until none comes there',
    }
  const lost = now.host.length ? (old.host.length ? without(old.host, now.host) : ['any host']) : []
  const won = old.host.length ? (now.host.length ? without(now.host, old.host) : ['any host']) : []
  const hosts = { path: ['host'], from: said(old.host), to: said(now.host) }
  if (lost.length)
    yield {
      ...hosts,
      severity: 'breaking',
      rule: 'host-removed',
      message: `answers no longer under ${lost.join(', ')}`,
      cure: 'give senders the address under the other host',
    }
  else if (won.length)
    yield { ...hosts, severity: 'notice', rule: 'host-added', message: `answers under ${won.join(', ')}, too`, cure: 'nothing to do' }
  if (old.active && !now.active)
    yield {
      severity: 'breaking',
      rule: 'webhook-off',
      path: ['active'],
      message: 'answers 404 to everything',
      cure: 'tell its senders first',
    }
  if (!old.active && now.active)
    yield {
      severity: 'notice',
      rule: 'webhook-on',
      path: ['active'],
      message: 'answers again',
      cure: 'see that its chain is what it should be',
    }
  if (old.verify !== now.verify)
    yield {
      severity: old.verify ? 'breaking' : 'notice',
      rule: old.verify ? 'verify-path-removed' : 'verify-path-added',
      path: ['verify'],
      message: old.verify ? `${now.path}/verify answers 404` : `${now.path}/verify tells whether a credential is good`,
      cure: old.verify ? 'tell senders who try their credentials there' : 'tell senders that they can try their credentials there',
    }
}

function* taken({ old, new: now }: Twins): Generator<Found> {
  const lost = without(old.methods, now.methods)
  const won = without(now.methods, old.methods)
  const methods = { path: ['methods'], from: old.methods.join(', '), to: now.methods.join(', ') }
  if (lost.length)
    yield {
      ...methods,
      severity: 'breaking',
      rule: 'method-removed',
      message: `${lost.join(', ')} gets 405`,
      cure: `tell senders to use ${now.methods.join(' or ')}`,
    }
  if (won.length)
    yield { ...methods, severity: 'notice', rule: 'method-added', message: `${won.join(', ')} is taken, too`, cure: 'nothing to do' }
  if (old.bodyLimit !== now.bodyLimit) {
    const less = now.bodyLimit < old.bodyLimit
    yield {
      severity: less ? 'breaking' : 'notice',
      rule: less ? 'body-limit-lowered' : 'body-limit-raised',
      path: ['bodyLimit'],
      message: less ? 'larger bodies get 413' : 'larger bodies are taken',
      from: size(old.bodyLimit),
      to: size(now.bodyLimit),
      cure: less ? 'look at the sizes of captured requests first' : 'nothing to do',
    }
  }
  if (old.listAs !== now.listAs)
    yield {
      severity: old.listAs === undefined ? 'notice' : 'breaking',
      rule: 'list-field-changed',
      path: ['listAs'],
      message: now.listAs === undefined ? 'a body that is a bare list gets 400' : 'a body that is a bare list becomes another field',
      from: old.listAs ?? 'refused',
      to: now.listAs ?? 'refused',
      cure: 'see that the steps of the chain look for the field by its new name',
    }
  if (old.dialect !== now.dialect)
    yield {
      severity: 'notice',
      rule: 'dialect-changed',
      path: ['dialect'],
      message: 'answers by another dialect; what differs is told beside this',
      from: old.dialect,
      to: now.dialect,
      cure: `compare the two under \`dialects\`${[old.dialect, now.dialect].includes(problemDialect.name) ? '; `problem` is RFC 9457' : ''}`,
    }
}
