import { LecternError, toError } from '../errors'
import type { BoardContent } from '../messages'
import { MAX_OBJECTS_BYTES, carried, fingerprint, gzipList, toWireViewport } from './codec'
import type { BoardElement, Viewport } from './codec'

const MIN_INTERVAL_MS = 100
/** Big boards go out less often: at most this much a second. */
const MAX_BYTES_PER_SECOND = 512 * 1024
const RETRY_MS = 1000

/** Sends one snapshot and resolves when the server has it; rejects with a `LecternError`. */
export type SendBoard = (content: BoardContent) => Promise<void>

/**
 * Turns the editor's stream of changes into snapshots: at most ten a second, never two at once out of
 * order, and always the last state at the end. Unchanged objects travel as an empty binary.
 */
export class BoardPublisher {
  private latest: { elements: readonly BoardElement[]; view: Viewport } | null = null
  private accepted = ''
  private acceptedView = ''
  private timer: ReturnType<typeof setTimeout> | undefined
  private busy = false
  private closed = false
  private notBefore = 0

  /** `eventTime` gives ms since the lecture's start; `problem` hears of refusals (null: sent again). */
  constructor(
    private readonly send: SendBoard,
    private readonly eventTime: () => number,
    private readonly problem: (error: LecternError | null) => void = () => undefined,
    private readonly gzip: (json: string) => Promise<ArrayBuffer> = gzipList,
  ) {}

  /** The editor changed: `elements` is read when it is sent, so the newest state goes out. */
  changed(elements: readonly BoardElement[], view: Viewport): void {
    this.latest = { elements, view }
    this.schedule()
  }

  /** After a reconnect nothing is taken for known: the whole board goes out again. */
  resend(): void {
    this.accepted = ''
    this.acceptedView = ''
    this.notBefore = 0
    this.schedule()
  }

  /** What the server has already (a restored board), so that it is not sent back. */
  known(elements: readonly BoardElement[]): void {
    this.accepted = fingerprint(elements)
  }

  /** The last state, for leaving in order. */
  async flush(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.busy) await this.publish()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
  }

  private schedule(): void {
    if (this.closed || this.busy || this.timer !== undefined) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      void this.publish()
    }, Math.max(0, this.notBefore - Date.now()))
  }

  private async publish(): Promise<void> {
    const latest = this.latest
    if (latest === null || this.closed) return
    const elements = carried(latest.elements)
    const print = fingerprint(elements)
    const view = JSON.stringify(toWireViewport(latest.view))
    if (print === this.accepted && view === this.acceptedView) return
    let refused = false
    this.busy = true
    this.notBefore = Date.now() + MIN_INTERVAL_MS
    try {
      const objects = print === this.accepted ? new ArrayBuffer(0) : await this.gzip(JSON.stringify(elements))
      if (objects.byteLength > MAX_OBJECTS_BYTES) throw new LecternError('board_too_large', 'over 1 MiB')
      this.notBefore = Date.now() + Math.max(MIN_INTERVAL_MS, (objects.byteLength / MAX_BYTES_PER_SECOND) * 1000)
      await this.send({ objects, ...toWireViewport(latest.view), eventTime: this.eventTime() })
      this.accepted = print
      this.acceptedView = view
      this.problem(null)
    } catch (raw) {
      const error = toError(raw)
      this.problem(error)
      this.notBefore = Date.now() + RETRY_MS
      // What can never succeed waits for the next change.
      refused = !error.retryable
    } finally {
      this.busy = false
    }
    if (!refused && !this.settled()) this.schedule()
  }

  private settled(): boolean {
    if (this.latest === null) return true
    const print = fingerprint(carried(this.latest.elements))
    return print === this.accepted && JSON.stringify(toWireViewport(this.latest.view)) === this.acceptedView
  }
}
