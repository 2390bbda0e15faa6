import { toError } from './errors'
import type { LecternError } from './errors'
import { readQuestion } from './messages'
import type { Asked, Question, WireQuestion } from './messages'
import { Store } from './store'

export interface DeskState {
  questions: Question[]
  /** Ticked off, not yet confirmed by the server. */
  solving: ReadonlySet<string>
  solvedCount: number
}

/** The presenter's open questions: listed once each, gone when the server has the tick. */
export class QuestionDesk {
  readonly state = new Store<DeskState>({ questions: [], solving: new Set(), solvedCount: 0 })

  /** `tell` has the server note a tick; `refused` hears of every refusal. */
  constructor(
    private readonly tell: (questionId: string) => Promise<unknown>,
    private readonly refused: (error: LecternError) => void,
  ) {}

  /** The server's whole list. One without names takes those that are known already. */
  load(list: WireQuestion[]): void {
    const names = new Map(this.state.get().questions.map(({ id, name }) => [id, name]))
    const named = ({ id, content, name }: Question) => ({ id, content, name: name || (names.get(id) ?? '') })
    this.state.set({ questions: list.map(readQuestion).map(named) })
  }

  asked({ questionId, content, name }: Asked): void {
    const { questions } = this.state.get()
    if (questions.some((question) => question.id === questionId)) return
    this.state.set({ questions: [...questions, { id: questionId, content, name: name ?? '' }] })
  }

  async solve(questionId: string): Promise<void> {
    this.state.set({ solving: new Set([...this.state.get().solving, questionId]) })
    try {
      await this.tell(questionId)
      this.solved(questionId)
    } catch (raw) {
      const error = toError(raw)
      if (error.code === 'not_found') this.solved(questionId)
      // A tick that could not be told stays, and is told again by `retry`.
      else if (!error.retryable) this.unsolve(questionId)
      this.refused(error)
    }
  }

  /** Ticks that were cut off go out again. */
  retry(): void {
    for (const id of this.state.get().solving) void this.solve(id)
  }

  solved(questionId: string): void {
    const { questions, solvedCount } = this.state.get()
    const left = questions.filter((question) => question.id !== questionId)
    if (left.length < questions.length) this.state.set({ questions: left, solvedCount: solvedCount + 1 })
    this.unsolve(questionId)
  }

  private unsolve(questionId: string): void {
    const solving = new Set(this.state.get().solving)
    if (solving.delete(questionId)) this.state.set({ solving })
  }
}
