import { digest, hex, pageOf } from '../board/elements'
import type { BoardElement } from '../board/codec'
import type { WireView } from '../messages'
import type { BoardAt, BoardChange } from './archive'

/** The hash of an element board, as every `drawn` event of a live lecture has it. */
export function hashOf(elements: Iterable<Pick<BoardElement, 'id' | 'version' | 'versionNonce'>>): string {
  let [one, two] = [0, 0]
  for (const element of elements) {
    const [first, second] = digest(element)
    one = (one + first) >>> 0
    two = (two + second) >>> 0
  }
  return hex([one, two])
}

/**
 * A board after the change `seq`: the fold of `app/archive/board.py`, step by step. The changes of an archive hold
 * only what took effect when it was live, so nothing is weighed anew here.
 */
export class BoardFold {
  seq = 0
  at = 0
  kind: 'elements' | 'whole' = 'whole'
  page = 0
  view: WireView | null = null
  /** Of a whole board: base64 of the gzip that stands. */
  objects: string | null = null
  elements = new Map<string, BoardElement>()
  /** The change after which this was not the live board, if that happened: it is to be read anew. */
  differsAt: number | null = null
  private first = 0
  private second = 0

  static of(board: BoardAt): BoardFold {
    const fold = new BoardFold()
    Object.assign(fold, { seq: board.seq, at: board.at, kind: board.kind, page: board.page, view: board.view })
    fold.objects = board.objects
    for (const element of board.elements) fold.put(element)
    return fold
  }

  /** The hash that the live board had; empty for a whole one. */
  get hash(): string {
    return this.kind === 'elements' ? hex([this.first, this.second]) : ''
  }

  copy(): BoardFold {
    const other = Object.assign(new BoardFold(), this)
    other.elements = new Map(this.elements)
    return other
  }

  /** What is on the shown page, lowest first. */
  shown(page = this.page): BoardElement[] {
    const there = [...this.elements.values()].filter((element) => pageOf(element) === page)
    const depth = (element: BoardElement) => (typeof element.index === 'string' ? element.index : '')
    return there.sort((one, two) => {
      const [a, b] = [depth(one), depth(two)]
      return a === b ? (one.id < two.id ? -1 : 1) : a < b ? -1 : 1
    })
  }

  /** Pages that have something on them, and the shown one. */
  pages(): number[] {
    return [...new Set([this.page, ...[...this.elements.values()].map(pageOf)])].sort((a, b) => a - b)
  }

  apply(change: BoardChange): void {
    this.seq = change.seq
    this.at = change.at
    if (change.kind === 'page') this.page = change.page
    else if (change.kind === 'board') this.replaced(change)
    else this.drawn(change)
  }

  private replaced({ viewport, eventTime, width, height, objects }: Extract<BoardChange, { kind: 'board' }>): void {
    this.view = { viewport, eventTime, width, height }
    if (objects === null) return
    this.objects = objects
    this.clear()
    this.kind = 'whole'
  }

  private drawn({ ops, hash, seq }: Extract<BoardChange, { kind: 'drawn' }>): void {
    this.kind = 'elements'
    this.objects = null
    for (const op of ops) {
      if ('put' in op) this.put(op.put)
      else if ('del' in op) this.drop(op.del)
      else this.clear(op.page)
    }
    if (this.hash !== hash) this.differsAt = seq
  }

  private put(element: BoardElement): void {
    this.drop(element.id)
    this.elements.set(element.id, element)
    this.add(element, 1)
  }

  private drop(id: string): void {
    const gone = this.elements.get(id)
    if (!gone) return
    this.elements.delete(id)
    this.add(gone, -1)
  }

  private clear(page?: number): void {
    for (const [id, element] of [...this.elements]) if (page === undefined || pageOf(element) === page) this.drop(id)
  }

  private add(element: BoardElement, sign: 1 | -1): void {
    const [first, second] = digest(element)
    this.first = (this.first + sign * first) >>> 0
    this.second = (this.second + sign * second) >>> 0
  }
}
