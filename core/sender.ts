/** The sender's side of a step: what must be sent, how a request is signed, and why one did not verify. */

/** What a sender must know of one step; becomes OpenAPI and the sender's page. */
export interface SenderPart {
  headers?: Record<string, SenderField>
  query?: Record<string, SenderField>
  /** An OpenAPI 3.1 security scheme by its name; all of them are wanted. */
  security?: Record<string, Record<string, unknown>>
  /** JSON Schema of the payload that the step expects. */
  body?: Record<string, unknown>
  /** Beside the rest, one of these is enough. */
  anyOf?: readonly SenderPart[]
  /** The signing scheme, as `x-postern-signature` of a security scheme has it, where OpenAPI knows no place for it: within the body. */
  signature?: Record<string, unknown>
  /** Those of its refusals that it can give with these settings; left out, all of them. */
  refusals?: readonly string[]
  /** When the step ends the chain with a success that writes nothing, in a sentence. */
  stops?: string
  /** What a sender who sends a request again must keep the same, and what comes of it, in a sentence. */
  repeats?: string
  /** Headers that a good answer may carry. */
  answers?: Record<string, SenderField>
  /** Requests that the step answers by itself, with a method of its own: to prove who owns the address, say. */
  handshakes?: readonly Handshake[]
}

export interface SenderField {
  description: string
  required?: boolean
  /** A complete value to paste. A setting that is a secret shows here as its `${NAME}`, never as its value. */
  example?: string
  maxLength?: number
  /** Names the request: another value for each, and the same one again when it is sent again. */
  perRequest?: true
}

/** One question that a step answers by itself. */
export interface Handshake {
  method: 'GET' | 'POST' | 'OPTIONS'
  summary: string
  query?: Record<string, SenderField>
  headers?: Record<string, SenderField>
  /** Status of the answer. */
  status: number
  /** Media type of the answer; left out, it has no body. */
  contentType?: string
}

/** A request as a sender is about to make it; each step of the chain in turn adds what it will ask for. */
export interface Draft {
  method: string
  /** Whole, as the sender calls it; query parameters may be added. */
  readonly url: URL
  readonly headers: Headers
  body: Uint8Array
}

/** What the sender has that the configuration has not. */
export interface Signer {
  readonly webhook: string
  readonly publicUrl: string | undefined
  /** Epoch milliseconds. */
  now(): number
  /** PKCS#8 PEM, for schemes of which the gateway knows the public key alone. */
  readonly privateKey?: string
}

/** One thing that, done otherwise, would have let a refused request pass. For the operator: no secret, key or computed signature in it. */
export interface Finding {
  /** `hex-for-base64`: stable, in kebab case. */
  code: string
  /** What the sender did, in a sentence. */
  message: string
  /** What to do about it, in a sentence. */
  cure: string
}
