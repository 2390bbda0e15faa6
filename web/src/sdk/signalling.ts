import { Manager } from 'socket.io-client'
import type { Socket } from 'socket.io-client'
import { LecternError, toError } from './errors'

export type Namespace = '/create-room' | '/enter-room' | '/lecture'

/** The part of socket.io-client's Socket that is used: tests give a fake one. */
export interface SocketLike {
  readonly connected: boolean
  readonly id?: string | undefined
  on(event: string, listener: (...args: never[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  connect(): unknown
  disconnect(): unknown
}

export interface Transport {
  /** One namespace of the one connection; `auth` is read at every (re)connect. Not connected yet. */
  socket(namespace: Namespace, auth: () => Record<string, unknown>): SocketLike
  close(): void
}

/** The real thing: one Manager, started on polling and upgraded, as the protocol has it. */
export function socketIoTransport(base = window.location.origin): Transport {
  const manager = new Manager(base, {
    autoConnect: false,
    reconnectionDelay: 500,
    reconnectionDelayMax: 3000,
    timeout: 8000,
  })
  const sockets: Socket[] = []
  return {
    socket: (namespace, auth) => {
      const socket = manager.socket(namespace, { auth: (give) => { give(auth()) } })
      sockets.push(socket)
      return socket as unknown as SocketLike
    },
    close: () => {
      for (const socket of sockets) socket.disconnect()
    },
  }
}

export interface ChannelHandlers {
  connected: (id: string) => void
  /** The connection was lost; it comes back by itself. */
  lost: () => void
  /** The server refused the namespace. Retryable refusals are retried; this is told of each. */
  refused: (error: LecternError) => void
}

const ACK_TIMEOUT_MS = 10_000
const RETRY_MS = [500, 1000, 2000, 4000]

/**
 * One namespace that stays up: reconnects after refusals that may pass and after the server's own
 * disconnects (the library does neither), and turns acknowledgements into promises.
 */
export class Channel {
  private readonly socket: SocketLike
  private timer: ReturnType<typeof setTimeout> | undefined
  private tries = 0
  private open = false
  private readonly waiting = new Set<(error: LecternError) => void>()

  constructor(
    transport: Transport,
    readonly namespace: Namespace,
    auth: () => Record<string, unknown>,
    handlers: ChannelHandlers,
  ) {
    this.socket = transport.socket(namespace, auth)
    this.socket.on('connect', () => {
      this.tries = 0
      if (this.open) handlers.connected(this.socket.id ?? '')
    })
    this.socket.on('disconnect', (reason: string) => {
      this.failWaiting()
      if (!this.open) return
      if (reason === 'io server disconnect') this.retry()
      handlers.lost()
    })
    this.socket.on('connect_error', (raw: Error & { data?: unknown }) => {
      if (!this.open) return
      // Without data it is the transport's own trouble, and the Manager tries again by itself.
      if (raw.data === undefined || raw.data === null) return handlers.lost()
      const error = toError(raw.data)
      if (error.retryable) this.retry()
      handlers.refused(error)
    })
  }

  get connected(): boolean {
    return this.socket.connected
  }

  get id(): string {
    return this.socket.id ?? ''
  }

  connect(): void {
    this.open = true
    this.socket.connect()
  }

  /** Tries again now, after a refusal that the caller has dealt with. */
  reconnect(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.open) this.socket.connect()
  }

  on<T>(event: string, listener: (payload: T) => void): void {
    this.socket.on(event, listener as (...args: never[]) => void)
  }

  /** Emits and waits for the acknowledgement. Not connected, or cut before the answer: `offline`. */
  request(event: string, payload: object, timeoutMs = ACK_TIMEOUT_MS): Promise<Record<string, unknown>> {
    if (!this.socket.connected) return Promise.reject(new LecternError('offline', 'not connected', true))
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(timer)
        this.waiting.delete(fail)
        settle()
      }
      const fail = (error: LecternError) => { done(() => { reject(error) }) }
      const timer = setTimeout(() => { fail(new LecternError('timeout', `no answer to ${event}`, true)) }, timeoutMs)
      this.waiting.add(fail)
      this.socket.emit(event, payload, (answer: { ok?: boolean; error?: unknown } | undefined) => {
        if (answer?.ok === false) fail(toError(answer.error))
        else done(() => { resolve((answer ?? {}) as Record<string, unknown>) })
      })
    })
  }

  /** Emits without waiting; refusals are not of interest. Lost when not connected. */
  send(event: string, payload: object): void {
    if (this.socket.connected) this.socket.emit(event, payload)
  }

  close(): void {
    this.open = false
    clearTimeout(this.timer)
    this.failWaiting()
    this.socket.disconnect()
  }

  private retry(): void {
    clearTimeout(this.timer)
    const delay = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)] ?? 4000
    this.tries += 1
    this.timer = setTimeout(() => { this.reconnect() }, delay)
  }

  private failWaiting(): void {
    for (const fail of [...this.waiting]) fail(new LecternError('offline', 'the connection was lost', true))
  }
}
