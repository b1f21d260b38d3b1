/** Why a request got no answer. */

/** Stable codes, kept with each attempt. */
export type FailureCode =
  /** The URL cannot be requested at all. */
  | 'BAD_URL'
  /** A header cannot be sent, or is not for the destination to set. */
  | 'BAD_HEADER'
  /** The host is, or resolves to, an address that the policy forbids. */
  | 'BLOCKED_ADDRESS'
  /** No address, refused, reset, or not HTTP. */
  | 'CONNECTION_FAILED'
  /** No TLS, or a certificate that is not valid for the name. */
  | 'TLS_FAILED'
  /** The answer was not complete within the total time. */
  | 'TIMEOUT'

/** A request without a complete answer. The message is for the operator, and names the host but never the path or a header's value. */
export class SendError extends Error {
  readonly code: FailureCode
  /** Milliseconds from the call to the failure. */
  duration = 0

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SendError'
    this.code = code
  }
}
