/** The built-in plugins. */

import type { AnyDestinationKind, AnyPlugin } from '#core/plugin.ts'
import authAdyen from './auth-adyen/index.ts'
import authAny from './auth-any/index.ts'
import authBasic from './auth-basic/index.ts'
import authBearer from './auth-bearer/index.ts'
import authHmac from './auth-hmac/index.ts'
import authJwt from './auth-jwt/index.ts'
import authMsgraph from './auth-msgraph/index.ts'
import authNone from './auth-none/index.ts'
import authPlaid from './auth-plaid/index.ts'
import authSharedSecret from './auth-shared-secret/index.ts'
import authSns from './auth-sns/index.ts'
import authTwilio from './auth-twilio/index.ts'
import authUrlToken from './auth-url-token/index.ts'
import challenge from './challenge/index.ts'
import dispatch from './dispatch/index.ts'
import filter from './filter/index.ts'
import http from './http/index.ts'
import idempotency from './idempotency/index.ts'
import ipAllow from './ip-allow/index.ts'
import loopGuard from './loop-guard/index.ts'
import mapping from './mapping/index.ts'
import nats from './nats/index.ts'
import quota from './quota/index.ts'
import replayWindow from './replay-window/index.ts'
import upsert from './upsert/index.ts'
import validation from './validation/index.ts'

export const builtins: readonly (AnyPlugin | AnyDestinationKind)[] = [
  authAny,
  authBearer,
  authHmac,
  authNone,
  authSharedSecret,
  authUrlToken,
  authTwilio,
  authAdyen,
  authMsgraph,
  authBasic,
  authJwt,
  authSns,
  authPlaid,
  challenge,
  ipAllow,
  replayWindow,
  loopGuard,
  idempotency,
  quota,
  filter,
  mapping,
  validation,
  upsert,
  dispatch,
  http,
  nats,
]
