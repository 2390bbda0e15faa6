import type { Rest } from '../rest'
import type { BoardElement } from '../board/codec'
import type { Operation } from '../board/elements'
import type { WireView } from '../messages'

/** The record of a lecture, as docs/protocol-rest.md has it. Times (`at`, `start`) are ms since its beginning. */
export interface Summary {
  id: string
  title: string
  description: string
  presenter: { username: string; email: string }
  state: 'live' | 'archiving' | 'ready' | 'incomplete' | 'none'
  started_at: string | null
  ended_at: string | null
  duration: number
  expires_at: string | null
  gaps: { at: number; what: string }[]
  counts: { board: number; questions: number; captions: number; speech: number; chapters: number; attendance: number }
  board: { kind: 'elements' | 'whole'; last_seq: number }
  subtitles: { state: string; percent: number }
  is_owner: boolean
}

/** The whole board at one moment: what changes are applied to. */
export interface BoardAt {
  seq: number
  at: number
  kind: 'elements' | 'whole'
  hash: string
  page: number
  elements: BoardElement[]
  view: WireView | null
  objects: string | null
}

interface At {
  seq: number
  at: number
}
export type BoardChange =
  | (At & { kind: 'board'; objects: string | null } & WireView)
  | (At & { kind: 'drawn'; rev: number; hash: string; ops: Operation[] })
  | (At & { kind: 'page'; page: number })

export interface ReplayQuestion extends At {
  questionId: string
  content: string
  name: string
  anonymous: boolean
  votes: number
  solvedAt: number | null
  answer: { content: string; name: string; at: number } | null
  erased: boolean
}

export interface ReplayChapter extends At {
  page: number | null
  title: string | null
}

export interface ReplayCaption {
  number: number
  start: number
  end: number
  text: string
}

export interface ReplayMark extends At {
  kind: string
}

export interface Stay {
  stay: string
  memberId: string
  name: string
  kind: string
  joinedAt: number
  leftAt: number | null
}

export interface RecordingFile {
  name: string
  kind: 'audio' | 'video' | 'mix'
  publisher: string
  source: string
  codec: string
  contentType: string
  bytes: number
  start: number
  end: number
  active: [number, number][]
  url: string
  expires: string
}

export interface RecordingCard {
  state: 'idle' | 'live' | 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  percent: number
  secondsLeft: number | null
  fault: string | null
  files: RecordingFile[]
}

/** Nothing more is made ready: what there is are its files. */
export function isMade(recording: RecordingCard | null): boolean {
  return recording === null || !['live', 'waiting', 'running'].includes(recording.state)
}

export interface Page<T> {
  items: T[]
  next: number | string | null
}

/** No list of a lecture is read beyond this. */
const MOST_ITEMS = 20_000

/** Reads of one lecture's record. Every method rejects with a `LecternError`. */
export class Archive {
  constructor(private readonly rest: Rest, readonly id: string) {}

  private path(rest: string): string {
    return `/lecture/archive/${encodeURIComponent(this.id)}${rest}`
  }

  summary(): Promise<Summary> {
    return this.rest.read(this.path(''))
  }

  boardAt(t: number, signal?: AbortSignal): Promise<BoardAt> {
    return this.rest.read(this.path(`/board/at?t=${String(Math.max(0, Math.round(t)))}`), signal)
  }

  changes(after: number, signal?: AbortSignal): Promise<Page<BoardChange>> {
    return this.rest.read(this.path(`/board?after=${String(after)}`), signal)
  }

  questions(signal?: AbortSignal): Promise<ReplayQuestion[]> {
    return this.all('/questions', signal)
  }

  chapters(signal?: AbortSignal): Promise<ReplayChapter[]> {
    return this.all('/chapters', signal)
  }

  captions(signal?: AbortSignal): Promise<ReplayCaption[]> {
    return this.all('/captions', signal)
  }

  marks(signal?: AbortSignal): Promise<ReplayMark[]> {
    return this.all('/marks', signal)
  }

  /** The presenter's only. */
  attendance(signal?: AbortSignal): Promise<Stay[]> {
    return this.all('/attendance', signal)
  }

  recording(): Promise<RecordingCard> {
    return this.rest.read(`/lecture/recording/${encodeURIComponent(this.id)}`)
  }

  finalise(): Promise<unknown> {
    return this.rest.post(`/lecture/recording/${encodeURIComponent(this.id)}/finalise`)
  }

  cancelFinalising(): Promise<unknown> {
    return this.rest.post(`/lecture/recording/${encodeURIComponent(this.id)}/cancel`)
  }

  /** `what`: `export/questions.csv`, `export/questions.json`, `captions.vtt`. */
  file(what: string, signal: AbortSignal, seen: (bytes: number, total: number | null) => void): Promise<Blob> {
    return this.rest.download(this.path(`/${what}`), signal, seen)
  }

  private async all<T>(list: string, signal?: AbortSignal): Promise<T[]> {
    const items: T[] = []
    let after: number | string | null = null
    do {
      const query: string = after === null ? '' : `?after=${encodeURIComponent(String(after))}`
      const page: Page<T> = await this.rest.read(this.path(list) + query, signal)
      items.push(...page.items)
      after = page.next
    } while (after !== null && items.length < MOST_ITEMS)
    return items
  }
}
