import { toError } from '../errors'
import type { Code } from '../errors'
import type { DrawingRule } from '../messages'
import { Store } from '../store'
import type { BoardElement } from './codec'
import type { Change, ElementBoard } from './elements'
import { BoardPublisher } from './publisher'
import type { SendDraw } from './publisher'

/** A participant shows the presenter's view and publishes none. */
const NO_VIEW = { scrollX: 0, scrollY: 0, zoom: 1, width: 1, height: 1 }

export interface PenState {
  /** The presenter lets this participant draw. */
  may: boolean
  problem: Code | null
}

/** A participant's own drawing, where the presenter lets it. */
export class Pen {
  readonly state = new Store<PenState>({ may: false, problem: null })
  private readonly publisher: BoardPublisher
  private readonly followers = new Set<(change: Change) => void>()

  constructor(send: SendDraw) {
    this.publisher = new BoardPublisher(send, null, () => 0, (raw) => {
      const error = raw === null ? null : toError(raw)
      this.state.set({ problem: error === null || error.retryable ? null : error.code })
    })
  }

  rule(rule: DrawingRule | undefined): void {
    if (rule) this.state.set({ may: rule.may, problem: null })
  }

  /** The room's board changed, `whole` when a snapshot came. */
  changed(change: Change, whole: boolean, board: ElementBoard): void {
    if (whole) this.publisher.restored(board.elements.values())
    else this.publisher.heard(change)
    for (const follower of this.followers) follower(change)
  }

  /** The editor changed: `elements` are those of `page`, removed ones included. */
  draw(elements: readonly BoardElement[], page: number): void {
    if (this.state.get().may) this.publisher.changed(elements, NO_VIEW, page)
  }

  /** Tells of what is drawn by anybody. Returns what ends it. */
  follow(listener: (change: Change) => void): () => void {
    this.followers.add(listener)
    return () => { this.followers.delete(listener) }
  }

  /** Back in the room: what was not answered goes out again. */
  resume(): void {
    this.publisher.resend()
  }

  close(): void {
    this.publisher.close()
  }
}
