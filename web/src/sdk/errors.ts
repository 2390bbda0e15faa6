/** Every code the server refuses with, and the client's own three. */
export const CODES = [
  'bad_request', 'too_large', 'unauthorized', 'forbidden', 'not_found', 'conflict', 'not_started',
  'ended', 'not_joined', 'stale_presenter', 'wrong_order', 'bad_offer', 'rate_limited',
  'unavailable', 'internal', 'banned', 'room_full', 'offline', 'timeout', 'board_too_large',
] as const

export type Code = (typeof CODES)[number]

/** A refusal or a failure: `code` decides what a page says, `retryable` whether to try again unasked. */
export class LecternError extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly retryable = false,
  ) {
    super(message)
    this.name = 'LecternError'
  }
}

const RETRYABLE: ReadonlySet<Code> = new Set(['not_started', 'rate_limited', 'unavailable', 'offline', 'timeout'])

/** Reads the server's `{code, message, retryable}` in whatever it arrived; anything else is `internal`. */
export function toError(raw: unknown): LecternError {
  if (raw instanceof LecternError) return raw
  const data = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>
  const code = CODES.find((known) => known === data.code) ?? 'internal'
  const message = typeof data.message === 'string' ? data.message : ''
  const retryable = typeof data.retryable === 'boolean' ? data.retryable : RETRYABLE.has(code)
  return new LecternError(code, message, retryable)
}
