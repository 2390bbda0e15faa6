import { LecternError, toError } from '../errors'
import type { BoardAt, BoardChange, Page } from './archive'
import { BoardFold } from './fold'

/** Changes between two copies of the board that are kept: what a jump back has to do again at most. */
const COPY_EVERY = 250
/** The next changes are there this long before they are shown, at any speed. */
const LEAD_MS = 120_000
/** Changes that are kept, and what they weigh, about, in characters; those before the shown moment make room. */
const MOST_CHANGES = 20_000
const MOST_WEIGHT = 48_000_000
const OPERATION_WEIGHT = 500
const RETRY_MS = 1500

export interface BoardSource {
  boardAt(t: number, signal?: AbortSignal): Promise<BoardAt>
  changes(after: number, signal?: AbortSignal): Promise<Page<BoardChange>>
}

/**
 * The board of a lecture at any moment. A jump out of what is loaded is one request, which the server answers from
 * its nearest keyframe; a jump within it does at most `COPY_EVERY` changes again. Playing reads ahead.
 */
export class Boards {
  /** What is shown; null until the first board has come. */
  board: BoardFold | null = null
  private base: BoardFold | null = null
  private changes: BoardChange[] = []
  private copies = new Map<number, BoardFold>()
  /** How many of `changes` are in `board`. */
  private done = 0
  private next: number | null = null
  private wanted = 0
  private jump: AbortController | null = null
  private ahead: AbortController | null = null
  private notBefore = 0
  private healed = new Set<number>()
  private closed = false
  error: LecternError | null = null

  /** `changed` is called after the shown board, `loading` or `error` changed by themselves. */
  constructor(
    private readonly source: BoardSource,
    private readonly changed: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get loading(): boolean {
    return this.jump !== null
  }

  /** Shows the moment `t`, at once where that is loaded; resolves when it is shown, or another is wanted. */
  async seek(t: number): Promise<void> {
    this.wanted = t
    if (this.has(t)) {
      this.jump?.abort()
      this.jump = null
      this.error = null
      this.show(this.count(t))
      return
    }
    await this.load(t)
  }

  /** What is loaded may be out of date: the next jump reads it anew. */
  forget(): void {
    this.base = null
  }

  /** Moves on to `t`, which is a little later than before. */
  advance(t: number): void {
    this.wanted = t
    if (this.loading || this.closed) return
    if (!this.has(t)) {
      if (this.now() >= this.notBefore) void this.load(t)
      return
    }
    while ((this.changes[this.done]?.at ?? Infinity) <= t) this.step()
    this.heal(t)
    if (this.until() < t + LEAD_MS && this.now() >= this.notBefore) void this.readAhead()
  }

  close(): void {
    this.closed = true
    this.jump?.abort()
    this.ahead?.abort()
  }

  /** Whether the board at `t` follows from what is loaded. */
  private has(t: number): boolean {
    return this.base !== null && t >= this.base.at && (this.next === null || t < this.until())
  }

  private until(): number {
    return this.changes.at(-1)?.at ?? this.base?.at ?? -1
  }

  /** How many of the loaded changes had happened at `t`: as the server counts, by the last of them. */
  private count(t: number): number {
    for (let n = this.changes.length; n > 0; n -= 1) if ((this.changes[n - 1]?.at ?? Infinity) <= t) return n
    return 0
  }

  private show(count: number): void {
    let from = 0
    for (const n of this.copies.keys()) if (n <= count && n > from) from = n
    const copy = this.copies.get(from) ?? this.base
    // Going on from what is shown is right as long as that is no longer than from a copy.
    if (copy && (this.board === null || count < this.done || from > this.done)) {
      this.board = copy.copy()
      this.done = from
    }
    while (this.done < count) this.step()
  }

  private step(): void {
    const change = this.changes[this.done]
    if (!change || !this.board) return
    this.board.apply(change)
    this.done += 1
    if (this.done % COPY_EVERY === 0 && !this.copies.has(this.done)) this.copies.set(this.done, this.board.copy())
  }

  /** A board that is not the live one's (the archive has a gap there) is read as it stood, once for each such place. */
  private heal(t: number): void {
    const at = this.board?.differsAt
    if (at === null || at === undefined || this.healed.has(at)) return
    this.healed.add(at)
    void this.load(t)
  }

  private async load(t: number): Promise<void> {
    const mine = new AbortController()
    this.jump?.abort()
    this.jump = mine
    this.ahead?.abort()
    this.ahead = null
    this.changed()
    try {
      const board = BoardFold.of(await this.source.boardAt(t, mine.signal))
      if (this.jump !== mine) return
      this.base = board
      this.board = board.copy()
      this.changes = []
      this.copies = new Map()
      this.done = 0
      this.next = board.seq
      this.error = null
    } catch (raw) {
      if (this.jump !== mine) return
      this.error = toError(raw)
      this.notBefore = this.now() + RETRY_MS
    }
    this.jump = null
    this.changed()
    if (!this.error && this.base) await this.readAhead()
  }

  /** Reads the next changes, and goes on until those of the wanted moment are there. */
  private async readAhead(): Promise<void> {
    if (this.ahead) return
    const mine = new AbortController()
    this.ahead = mine
    try {
      while (this.next !== null && !this.closed) {
        const page = await this.source.changes(this.next, mine.signal)
        if (mine.signal.aborted) break
        this.changes.push(...page.items)
        this.next = page.next === null ? null : Number(page.next)
        this.makeRoom()
        this.error = null
        if (this.until() > this.wanted) break
      }
    } catch (raw) {
      if (!mine.signal.aborted) {
        this.error = toError(raw)
        this.notBefore = this.now() + RETRY_MS
      }
    }
    if (this.ahead !== mine) return
    this.ahead = null
    if (!this.closed) this.changed()
  }

  private makeRoom(): void {
    const weight = this.changes.reduce((sum, change) => sum + weightOf(change), 0)
    if (!this.board || (this.changes.length <= MOST_CHANGES && weight <= MOST_WEIGHT)) return
    const from = this.done
    this.base = this.board.copy()
    this.changes = this.changes.slice(from)
    this.done = 0
    this.copies = new Map([...this.copies].filter(([n]) => n > from).map(([n, board]) => [n - from, board]))
  }
}

function weightOf(change: BoardChange): number {
  if (change.kind === 'drawn') return change.ops.length * OPERATION_WEIGHT
  return change.kind === 'board' ? (change.objects?.length ?? 0) : 0
}
