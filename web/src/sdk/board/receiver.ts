import type { RoomState, Update, WireBoard, WireView } from '../messages'
import { Store } from '../store'
import { carried, decodeBoard, fromWireViewport, toBuffer, wireView } from './codec'
import type { BoardElement, Viewport } from './codec'
import { ElementBoard } from './elements'
import type { Change, Drawn, SnapshotPart } from './elements'

export interface BoardState {
  /** Of the shown page. */
  elements: BoardElement[] | null
  /** What another client drew, in a form that is not ours; it hides `elements`. */
  foreign: unknown[] | null
  view: Viewport | null
  /** The view as it came, which a foreign board is drawn by. */
  raw: WireView | null
  page: number
}

const HEAL_EVERY_MS = 2000

/** The board as this member sees it: element by element, or whole from a presenter of another client. */
export class BoardReceiver {
  readonly state = new Store<BoardState>({ elements: null, foreign: null, view: null, raw: null, page: 0 })
  readonly board = new ElementBoard()
  /** The newest snapshot not yet decoded; one is decoded at a time, so an older one never overtakes. */
  private next: WireBoard | null = null
  private decoding = false
  private painting = false
  private closed = false
  private healAt = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `heal` asks the server for a snapshot; `changed` hears what element boards have become. */
  constructor(
    private readonly heal: () => void,
    private readonly changed: (change: Change, whole: boolean) => void = () => undefined,
  ) {}

  roomState({ page }: RoomState): void {
    if (this.board.abandon()) this.healSoon()
    if (page !== undefined) this.show(page)
  }

  show(page: number): void {
    this.state.set({ page })
    if (this.board.rev > 0) this.paint()
  }

  drawn(event: Drawn): void {
    const { change, differs } = this.board.drawn(event)
    if (change) this.changed(change, false)
    if (differs) this.healSoon()
    if (change) this.paint()
  }

  /** Takes a part of a snapshot; true with the last. */
  part(part: SnapshotPart): boolean {
    const done = this.board.part(part)
    if (done === null) return false
    if (part.page !== undefined) this.state.set({ page: part.page })
    this.changed(done.change, true)
    if (done.differs) this.healSoon()
    this.paint()
    return true
  }

  updated({ content }: Pick<Update, 'content'>): void {
    const skipped = this.next
    // A viewport alone must not swallow the objects of the snapshot that it overtakes.
    const unchanged = toBuffer(content.objects).byteLength === 0
    this.next = skipped && unchanged ? { ...content, objects: skipped.objects ?? null } : content
    if (!this.decoding) void this.decodeAll()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
  }

  private async decodeAll(): Promise<void> {
    this.decoding = true
    for (let board = this.next; board !== null && !this.closed; board = this.next) {
      this.next = null
      const decoded = await decodeBoard(board)
      const { view: lastView, raw: lastRaw } = this.state.get()
      const view = fromWireViewport(board) ?? lastView
      const raw = wireView(board) ?? lastRaw
      if (decoded.kind !== 'unchanged') this.board.reset()
      if (decoded.kind === 'elements') this.state.set({ elements: decoded.elements, foreign: null, view, raw })
      else if (decoded.kind === 'foreign') this.state.set({ foreign: decoded.objects, view, raw })
      else this.state.set({ view, raw })
    }
    this.decoding = false
  }

  /** Events of one moment are painted together. */
  private paint(): void {
    if (this.painting) return
    this.painting = true
    queueMicrotask(() => {
      this.painting = false
      const elements = carried(this.board.page(this.state.get().page))
      if (!this.closed) this.state.set({ elements, foreign: null })
    })
  }

  private healSoon(): void {
    if (this.timer !== undefined || this.closed) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.healAt = Date.now() + HEAL_EVERY_MS
      this.heal()
    }, Math.max(0, this.healAt - Date.now()))
  }
}
