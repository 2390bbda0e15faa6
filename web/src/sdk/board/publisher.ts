import { LecternError, toError } from '../errors'
import { newId } from '../ids'
import type { BoardContent } from '../messages'
import { carried, isCarried, toWireViewport } from './codec'
import type { BoardElement, Viewport } from './codec'
import { pageOf } from './elements'
import type { Change, Operation } from './elements'

const MIN_INTERVAL_MS = 100
const RETRY_MS = 1000
/** The server takes 500 operations and 512 KiB of text in one draw, and 64 KiB in one element. */
const MAX_OPERATIONS = 400
const MAX_DRAW_CHARS = 200_000
const MAX_ELEMENT_BYTES = 64 * 1024
/** Removing this many at once, and all of them, is said in one word. */
const CLEAR_FROM = 50

/** Sends one draw; resolves when the server has it, rejects with a `LecternError`. */
export type SendDraw = (opId: string, ops: Operation[]) => Promise<void>
export type SendView = (content: BoardContent) => Promise<void>

const stamp = ({ version, versionNonce }: BoardElement): string => `${String(version)}:${String(versionNonce)}`

/**
 * Turns the editor's stream of changes into draws: at most ten a second, one at a time, and always the
 * last state at the end. A draw whose answer was lost is sent again under the same id.
 */
export class BoardPublisher {
  private latest: { elements: readonly BoardElement[]; view: Viewport; page: number } | null = null
  /** What the server has of each element, with its page. */
  private known = new Map<string, { stamp: string; page: number }>()
  private pending: { opId: string; ops: Operation[] } | null = null
  /** Elements that the server will not take as they are. */
  private readonly hopeless = new Map<string, string>()
  private acceptedView = ''
  private timer: ReturnType<typeof setTimeout> | undefined
  private running: Promise<void> | null = null
  private closed = false
  private notBefore = 0

  /** `eventTime` gives ms since the lecture's start; `problem` hears of refusals (null: sent again). */
  constructor(
    private readonly draw: SendDraw,
    private readonly show: SendView | null,
    private readonly eventTime: () => number,
    private readonly problem: (error: LecternError | null) => void = () => undefined,
  ) {}

  /** The editor changed: `elements` are those of `page`, removed ones included. */
  changed(elements: readonly BoardElement[], view: Viewport, page = 0): void {
    this.latest = { elements, view, page }
    this.schedule()
  }

  /** After a reconnect the view goes out again, and what was not answered. */
  resend(): void {
    this.acceptedView = ''
    this.notBefore = 0
    this.schedule()
  }

  /** What the server has, all of it. */
  restored(elements: Iterable<BoardElement>): void {
    this.known = new Map()
    for (const element of elements) this.learn(element)
    this.schedule()
  }

  /** What the server has got from here or from others. */
  heard({ puts, removed }: Change): void {
    for (const element of puts) this.learn(element)
    for (const { id } of removed) this.known.delete(id)
  }

  /** Sends the last state now, for leaving in order. */
  async flush(): Promise<void> {
    for (let turn = 0; turn < 50 && !this.closed && !this.isSettled(); turn += 1) {
      clearTimeout(this.timer)
      this.timer = undefined
      await (this.running ?? this.publish())
      if (this.notBefore > Date.now() + MIN_INTERVAL_MS) return // refused: there is nothing to wait for
    }
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
  }

  private learn(element: BoardElement): void {
    this.known.set(element.id, { stamp: stamp(element), page: pageOf(element) })
  }

  private schedule(): void {
    if (this.closed || this.running || this.timer !== undefined || this.isSettled()) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      void this.publish()
    }, Math.max(0, this.notBefore - Date.now()))
  }

  private publish(): Promise<void> {
    this.running ??= this.send().finally(() => {
      this.running = null
      this.schedule()
    })
    return this.running
  }

  private async send(): Promise<void> {
    if (this.closed) return
    this.notBefore = Date.now() + MIN_INTERVAL_MS
    try {
      this.pending ??= this.nextDraw()
      if (this.pending) await this.sendDraw(this.pending)
      await this.sendView()
      this.problem(null)
    } catch (raw) {
      this.problem(toError(raw))
      this.notBefore = Date.now() + RETRY_MS
    }
  }

  private async sendDraw({ opId, ops }: { opId: string; ops: Operation[] }): Promise<void> {
    try {
      await this.draw(opId, ops)
    } catch (raw) {
      const error = toError(raw)
      if (error.retryable) throw error // the same draw goes out again
      this.pending = null
      for (const op of ops) if ('put' in op) this.hopeless.set(op.put.id, stamp(op.put))
      throw error
    }
    this.pending = null
    for (const op of ops) {
      if ('put' in op) this.learn(op.put)
      else if ('del' in op) this.known.delete(op.del)
      else for (const [id, { page }] of this.known) if (page === op.page) this.known.delete(id)
    }
  }

  private async sendView(): Promise<void> {
    const view = this.unsentView()
    if (view === null || this.show === null || this.latest === null) return
    await this.show({ objects: new ArrayBuffer(0), ...toWireViewport(this.latest.view), eventTime: this.eventTime() })
    this.acceptedView = view
  }

  private unsentView(): string | null {
    if (this.latest === null || this.show === null) return null
    const view = JSON.stringify(toWireViewport(this.latest.view))
    return view === this.acceptedView ? null : view
  }

  private isSettled(): boolean {
    return this.pending === null && this.unsentView() === null && !this.hasChanges()
  }

  private hasChanges(): boolean {
    return this.latest?.elements.some((element) => this.differs(element)) === true
  }

  private differs(element: BoardElement): boolean {
    const known = this.known.get(element.id)
    if (element.isDeleted === true) return known !== undefined
    return isCarried(element) && known?.stamp !== stamp(element) && this.hopeless.get(element.id) !== stamp(element)
  }

  private nextDraw(): { opId: string; ops: Operation[] } | null {
    if (this.latest === null) return null
    const { elements, page } = this.latest
    const changed = elements.filter((element) => this.differs(element))
    if (changed.length === 0) return null
    if (this.isCleared(changed, elements, page)) return { opId: newId(), ops: [{ clear: true, page }] }
    const ops: Operation[] = []
    let size = 0
    for (const element of changed) {
      const op = this.operation(element, page)
      if (op === null) continue
      size += JSON.stringify(op).length
      if (ops.length > 0 && (ops.length >= MAX_OPERATIONS || size > MAX_DRAW_CHARS)) break
      ops.push(op)
    }
    return ops.length === 0 ? null : { opId: newId(), ops }
  }

  private isCleared(changed: BoardElement[], elements: readonly BoardElement[], page: number): boolean {
    if (changed.length < CLEAR_FROM || carried(elements).length > 0) return false
    const there = [...this.known.values()].filter((known) => known.page === page).length
    return there === changed.length
  }

  private operation(element: BoardElement, page: number): Operation | null {
    if (element.isDeleted === true) return { del: element.id, version: element.version }
    const put = page === 0 ? element : { ...element, page }
    if (new TextEncoder().encode(JSON.stringify(put)).length > MAX_ELEMENT_BYTES) {
      this.hopeless.set(element.id, stamp(element))
      this.problem(new LecternError('board_too_large', 'an element over 64 KiB'))
      return null
    }
    return { put }
  }
}
