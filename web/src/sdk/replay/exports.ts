import { LecternError, toError } from '../errors'
import { Store } from '../store'

export interface ExportState {
  state: 'idle' | 'running' | 'done' | 'failed' | 'cancelled'
  /** What is being made. */
  name: string
  /** 0 to 100; null where it cannot be told. */
  percent: number | null
  secondsLeft: number | null
  error: LecternError | null
}

/** Says how much is done of how much; null: nobody knows. */
export type Report = (done: number, of: number | null) => void
export type Work = (report: Report, signal: AbortSignal) => Promise<Blob>

/** An estimate is told from this share on: before, it would jump. */
const FIRST_SHARE = 0.05

/** One file that is made at a time, with its progress; `save` is what is done with it. */
export class ExportJob {
  readonly state = new Store<ExportState>({ state: 'idle', name: '', percent: null, secondsLeft: null, error: null })
  private running: AbortController | null = null

  constructor(
    private readonly save: (file: Blob, name: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Makes a file; another one that is being made is given up. Never rejects: the state says what came of it. */
  async run(name: string, work: Work): Promise<void> {
    this.running?.abort()
    const mine = new AbortController()
    this.running = mine
    const began = this.now()
    this.state.set({ state: 'running', name, percent: null, secondsLeft: null, error: null })
    const report: Report = (done, of) => {
      if (this.running !== mine || of === null || of <= 0) return
      const share = Math.min(1, done / of)
      const left = share < FIRST_SHARE ? null : ((this.now() - began) / 1000) * ((1 - share) / share)
      this.state.set({ percent: Math.floor(share * 100), secondsLeft: left === null ? null : Math.ceil(left) })
    }
    try {
      const file = await work(report, mine.signal)
      if (this.running !== mine) return
      this.save(file, name)
      this.state.set({ state: 'done', percent: 100, secondsLeft: null })
    } catch (raw) {
      if (this.running !== mine) return
      const error = raw instanceof LecternError ? raw : toError(raw)
      this.state.set({ state: 'failed', error })
    }
    this.running = null
  }

  cancel(): void {
    if (!this.running) return
    this.running.abort()
    this.running = null
    this.state.set({ state: 'cancelled', percent: null, secondsLeft: null })
  }
}

/** What a title becomes in a file's name. */
export function fileName(title: string, suffix: string): string {
  const plain = title.normalize('NFC').replace(/[^\p{L}\p{N} ._-]/gu, '').replace(/^[. ]+/, '').trim().slice(0, 60)
  return `${plain || 'lecture'} ${suffix}`
}

/** Has the browser save a file. */
export function saveFile(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => { URL.revokeObjectURL(url) }, 60_000)
}
