import { toError } from './errors'
import type { LecternError } from './errors'
import { newId } from './ids'
import { Store } from './store'

export const MAX_CAPTION = 500
export const MAX_CHAPTER = 200

/** How many lines are shown at once. */
const LINES = 2
const MS_PER_CHARACTER = 60
const SHORTEST_MS = 2500
const LONGEST_MS = 9000
/** What the server takes as "spoken before it came". */
const MAX_AGO_MS = 60_000

export interface CaptionLine {
  id: string
  text: string
}

export interface CaptionsState {
  lines: CaptionLine[]
  problem: LecternError | null
}

type Hear = <T>(event: string, listener: (payload: T) => void) => void
type Ask = (event: string, payload: object) => Promise<unknown>

/** Lines that the staff types while somebody speaks: shown for as long as it takes to read them. */
export class Captions {
  readonly state = new Store<CaptionsState>({ lines: [], problem: null })
  private readonly timers = new Set<ReturnType<typeof setTimeout>>()
  private since: number | null = null

  constructor(private readonly ask: Ask) {}

  listen(hear: Hear): void {
    hear<{ captionId: string; text: string }>('caption', ({ captionId, text }) => { this.show(captionId, text) })
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }

  /** Notes that a line is being typed: its words were spoken when this began. */
  typing(text: string): void {
    if (text === '') this.since = null
    else this.since ??= Date.now()
  }

  /** Shows a line to everybody; false where it was refused, and may be sent again. */
  async say(text: string): Promise<boolean> {
    const ago = this.since === null ? 0 : Math.min(MAX_AGO_MS, Date.now() - this.since)
    this.since = null
    return this.sent('caption', { text, ago, clientCaptionId: newId() })
  }

  /** The presenter's: a chapter begins here. */
  chapter(title: string): Promise<boolean> {
    return this.sent('chapter', { title, clientChapterId: newId() })
  }

  private async sent(event: string, payload: object): Promise<boolean> {
    try {
      await this.ask(event, payload)
      this.state.set({ problem: null })
      return true
    } catch (raw) {
      this.state.set({ problem: toError(raw) })
      return false
    }
  }

  private show(id: string, text: string): void {
    this.state.set({ lines: [...this.state.get().lines, { id, text }].slice(-LINES) })
    const reading = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, text.length * MS_PER_CHARACTER))
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      this.state.set({ lines: this.state.get().lines.filter((line) => line.id !== id) })
    }, reading)
    this.timers.add(timer)
  }
}
