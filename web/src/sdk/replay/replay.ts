import { carried, fromWireViewport } from '../board/codec'
import type { BoardElement, Viewport } from '../board/codec'
import { toError } from '../errors'
import type { LecternError } from '../errors'
import type { WireView } from '../messages'
import { Store } from '../store'
import type {
  Archive, RecordingCard, RecordingFile, ReplayCaption, ReplayChapter, ReplayQuestion, Stay, Summary,
} from './archive'
import { Boards } from './boards'
import { ReplayClock } from './clock'
import { unpacked } from './content'
import type { Content } from './content'
import type { BoardFold } from './fold'
import { Players } from './players'

const TICK_MS = 80
const POLL_MS = 3_000
/** A link that ends sooner than this is asked for anew before it is used. */
const RENEW_BEFORE_MS = 60_000

export interface ReplayState {
  summary: Summary | null
  /** Why there is nothing to show. */
  error: LecternError | null
  recording: RecordingCard | null
  questions: ReplayQuestion[]
  chapters: ReplayChapter[]
  captions: ReplayCaption[]
  stays: Stay[]
  /** One of the lists could not be read. */
  listsError: LecternError | null
}

export interface PlayState {
  /** Ms of the lecture, in steps. */
  at: number
  duration: number
  playing: boolean
  rate: number
  buffering: boolean
}

export interface ReplayBoardState {
  elements: BoardElement[] | null
  /** Objects of another client's board. */
  foreign: unknown[] | null
  view: Viewport | null
  /** As it came, for a board of another client. */
  raw: WireView | null
  page: number
  pages: number[]
  /** As the live board's was; empty for a whole one. */
  hash: string
  seq: number
  at: number
  loading: boolean
  error: LecternError | null
}

const steady = () => performance.now()

/** One lecture that is over, played again: its record, its media, and its board in time. */
export class Replay {
  readonly state = new Store<ReplayState>({
    summary: null, error: null, recording: null, questions: [], chapters: [], captions: [], stays: [], listsError: null,
  })
  readonly play = new Store<PlayState>({ at: 0, duration: 0, playing: false, rate: 1, buffering: false })
  readonly board = new Store<ReplayBoardState>({
    elements: null, foreign: null, view: null, raw: null, page: 0, pages: [0], hash: '', seq: -1, at: 0, loading: true, error: null,
  })
  readonly clock = new ReplayClock(0)
  readonly players = new Players(this.clock)
  private readonly boards: Boards
  private ticker: ReturnType<typeof setInterval> | undefined
  private poller: ReturnType<typeof setTimeout> | undefined
  private renewing: Promise<void> | null = null
  private closed = false
  private painted: { seq: number; of: BoardFold | null } = { seq: -1, of: null }
  private unpacked: { objects: string; content: Promise<Content> } | null = null

  constructor(readonly archive: Archive) {
    this.boards = new Boards(archive, () => { this.paint() })
    this.players.onRefused = () => { this.pause() }
  }

  /** Reads the record; called again it tries again. */
  async open(): Promise<void> {
    this.state.set({ error: null })
    try {
      const summary = await this.archive.summary()
      this.state.set({ summary })
      await this.readRecording()
    } catch (raw) {
      if (!this.closed) this.state.set({ error: toError(raw) })
      return
    }
    if (this.closed) return
    this.measure()
    this.ticker ??= setInterval(() => { this.tick() }, TICK_MS)
    this.poll()
    void this.boards.seek(this.clock.at(steady()))
    await this.readLists()
  }

  close(): void {
    this.closed = true
    clearInterval(this.ticker)
    clearTimeout(this.poller)
    this.boards.close()
  }

  toggle(): void {
    if (this.clock.playing) this.pause()
    else this.start()
  }

  start(): void {
    const now = steady()
    const again = this.clock.isOver(now)
    this.clock.play(now)
    if (again) this.seek(0)
    else this.tick()
  }

  pause(): void {
    this.clock.pause(steady())
    this.tick()
  }

  setRate(rate: number): void {
    this.clock.setRate(rate, steady())
    this.tick()
  }

  seek(to: number): void {
    const now = steady()
    this.clock.seek(to, now)
    this.players.sought(now)
    void this.boards.seek(this.clock.at(now)).then(() => { this.paint() })
    this.tick()
  }

  /** By so many ms, back where negative. */
  skip(by: number): void {
    this.seek(this.clock.at(steady()) + by)
  }

  /** Makes good links of a file that could not be read; the elements get them by the store. */
  renew(): Promise<void> {
    this.renewing ??= this.readRecording().catch(() => undefined).finally(() => { this.renewing = null })
    return this.renewing
  }

  /** A link that is good for a while yet. */
  isFresh(file: RecordingFile): boolean {
    return Date.parse(file.expires) - Date.now() > RENEW_BEFORE_MS
  }

  async finaliseAgain(): Promise<void> {
    await this.archive.finalise()
    await this.renew()
    this.poll()
  }

  async cancelFinalising(): Promise<void> {
    await this.archive.cancelFinalising()
    await this.renew()
  }

  retryBoard(): void {
    void this.boards.seek(this.clock.at(steady())).then(() => { this.paint() })
  }

  private async readRecording(): Promise<void> {
    try {
      this.state.set({ recording: await this.archive.recording() })
    } catch (raw) {
      const error = toError(raw)
      if (error.code !== 'not_found') throw error
      this.state.set({ recording: null })
    }
    this.measure()
  }

  private async readLists(): Promise<void> {
    const owner = this.state.get().summary?.is_owner === true
    const lists = await Promise.allSettled([
      this.archive.questions().then((questions) => { this.state.set({ questions }) }),
      this.archive.chapters().then((chapters) => { this.state.set({ chapters }) }),
      this.archive.captions().then((captions) => { this.state.set({ captions }) }),
      owner ? this.archive.attendance().then((stays) => { this.state.set({ stays }) }) : undefined,
    ])
    const failed = lists.find((one) => one.status === 'rejected')
    if (!this.closed) this.state.set({ listsError: failed ? toError(failed.reason) : null })
  }

  retryLists(): void {
    void this.readLists()
  }

  /** While something is being made of the lecture, this looks how far it is. */
  private poll(): void {
    clearTimeout(this.poller)
    if (this.closed || !this.isInTheMaking()) return
    this.poller = setTimeout(() => {
      void this.look().finally(() => { this.poll() })
    }, POLL_MS)
  }

  private isInTheMaking(): boolean {
    const { recording, summary } = this.state.get()
    if (summary?.state === 'archiving' || summary?.state === 'live') return true
    return recording !== null && ['live', 'waiting', 'running'].includes(recording.state)
  }

  private async look(): Promise<void> {
    const before = this.state.get().summary?.state
    try {
      const summary = await this.archive.summary()
      this.state.set({ summary })
      await this.readRecording()
      if (before !== summary.state) {
        this.boards.forget()
        this.retryBoard()
        await this.readLists()
      }
    } catch {
      // The next look may have more luck.
    }
  }

  private measure(): void {
    const { summary, recording } = this.state.get()
    const ends = (recording?.files ?? []).map(({ end }) => end)
    this.clock.duration = Math.max(summary?.duration ?? 0, ...ends)
    this.play.set({ duration: this.clock.duration })
  }

  private tick(): void {
    const now = steady()
    this.players.tick(now)
    const at = this.clock.at(now)
    if (this.clock.playing && this.clock.isOver(now)) this.clock.pause(now)
    this.boards.advance(at)
    this.play.set({ at, playing: this.clock.playing, rate: this.clock.rate, buffering: this.clock.isHeld })
    this.paint()
  }

  private paint(): void {
    if (this.closed) return
    const { board, loading, error } = this.boards
    this.board.set({ loading: loading || (board === null && error === null), error })
    if (!board || (this.painted.of === board && this.painted.seq === board.seq)) return
    this.painted = { of: board, seq: board.seq }
    if (board.kind === 'elements') this.show(board, carried(board.shown()), null)
    else void this.unpack(board)
  }

  private show(board: BoardFold, elements: BoardElement[] | null, foreign: unknown[] | null): void {
    const view = board.view === null ? null : fromWireViewport(board.view)
    this.board.set({
      elements, foreign, view: view ?? this.board.get().view, raw: board.view, page: board.page, pages: board.pages(), hash: board.hash,
      seq: board.seq, at: board.at,
    })
  }

  /** Whole boards are unpacked when their objects change; a view alone moves at once. */
  private async unpack(board: BoardFold): Promise<void> {
    const objects = board.objects ?? ''
    if (this.unpacked?.objects !== objects) this.unpacked = { objects, content: unpacked(objects) }
    const { seq } = board
    const { elements, foreign } = await this.unpacked.content
    if (this.closed || this.boards.board !== board || board.seq !== seq) return
    this.show(board, elements, foreign)
  }
}
