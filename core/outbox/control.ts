/** What operators do with deliveries and destinations; the engine that delivers carries it out. */

/** Which deliveries; every part that is given must hold. */
export interface DeliveryFilter {
  ids?: readonly string[]
  event?: string
  destination?: string
  subscription?: string
  webhook?: string
  status?: DeliveryStatus
  /** Epoch milliseconds of creation: from, and up to but not including. */
  since?: number
  until?: number
  entity?: string
  record?: string
}

export type DeliveryStatus = 'pending' | 'waiting' | 'delivered' | 'dead' | 'cancelled'

/** A destination as operators see it. */
export interface DestinationState {
  name: string
  /** False: deliveries of it are left, but the configuration has it no more. */
  declared: boolean
  /** ISO 8601; null: not paused. */
  paused_at: string | null
  /** `operator`, `gone` (it answered 410) or `failing` (`disableAfter` is over). */
  pause_reason: string | null
  failing_since: string | null
  /** The circuit breaker: open means that nothing is tried for a moment. */
  circuit: 'closed' | 'open' | 'half-open' | 'unknown'
  pending: number
  waiting: number
  dead: number
}

export interface DeliveryControl {
  /** Makes up to `limit` deliveries pending again, at once and with a new schedule, oldest first; `left` tells how many more the filter finds. Without ids or a status only dead and cancelled ones are found. */
  redrive(filter: DeliveryFilter, limit: number): Promise<{ redriven: number; left: number }>
  /** Gives pending, waiting and dead ones up. */
  cancel(filter: DeliveryFilter, limit: number): Promise<{ cancelled: number; left: number }>
  /** False when neither the configuration nor the store knows the destination. */
  pause(destination: string): Promise<boolean>
  resume(destination: string): Promise<boolean>
  states(): Promise<DestinationState[]>
  /** Events that the subscription's `when` could not judge since the start of this replica; they counted as not matching. */
  unjudged(subscription: string): number
}
