import { toError } from './errors'
import type { Code } from './errors'
import { newId } from './ids'
import { Store } from './store'

export const MAX_QUESTION = 2000

export interface OwnQuestion {
  clientId: string
  /** The server's id, once it has the question. */
  id: string | null
  content: string
  anonymous?: boolean
  state: 'pending' | 'sent' | 'answered' | 'hidden' | 'failed'
  error: Code | null
}

/** Resolves with the question's id; rejects with a `LecternError`. */
export type SendQuestion = (content: string, clientQuestionId: string, anonymous: boolean) => Promise<string | null>

const RETRY_MS = 4000
const KEPT = 50

/**
 * The participant's own questions. Each has an id made here and is sent with it until the server says
 * yes or no for good, over any number of reconnects and reloads: the server stores it once.
 */
export class OwnQuestions {
  readonly state: Store<{ list: OwnQuestion[] }>
  private readonly inFlight = new Set<string>()
  private readonly answeredIds = new Set<string>()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly send: SendQuestion,
    restored: OwnQuestion[] = [],
    keep: (list: OwnQuestion[]) => void = () => undefined,
  ) {
    this.state = new Store({ list: restored })
    this.state.subscribe(() => { keep(this.state.get().list.slice(-KEPT)) })
  }

  /** Refuses (false) what is empty or too long. */
  ask(text: string, anonymous = false): boolean {
    const content = text.trim()
    if (content === '' || content.length > MAX_QUESTION) return false
    const question: OwnQuestion = { clientId: newId(), id: null, content, anonymous, state: 'pending', error: null }
    this.state.set({ list: [...this.state.get().list, question] })
    void this.deliver(question)
    return true
  }

  /** A person's wish to try a failed one again. */
  again(clientId: string): void {
    this.change(clientId, { state: 'pending', error: null })
    this.flush()
  }

  /** The connection is (back) up: everything not acknowledged goes out again, in order. */
  flush(): void {
    for (const question of this.state.get().list) {
      if (question.state === 'pending') void this.deliver(question)
    }
  }

  /** The ids of those that the server has and nobody has answered, as far as is known. */
  unanswered(): string[] {
    return this.state.get().list.flatMap(({ id, state }) => (id !== null && state === 'sent' ? [id] : [])).slice(-KEPT)
  }

  answered(id: string): void {
    this.answeredIds.add(id)
    const question = this.state.get().list.find((known) => known.id === id)
    if (question && question.state !== 'answered') this.change(question.clientId, { state: 'answered' })
  }

  /** The staff took it from the class' list, or never put it there; or shows it (again). */
  hidden(id: string, hidden: boolean): void {
    const question = this.state.get().list.find((known) => known.id === id)
    const [from, to] = hidden ? ['sent', 'hidden'] as const : ['hidden', 'sent'] as const
    if (question?.state === from) this.change(question.clientId, { state: to })
  }

  close(): void {
    clearTimeout(this.timer)
  }

  private async deliver({ clientId, content, anonymous }: OwnQuestion): Promise<void> {
    if (this.inFlight.has(clientId)) return
    this.inFlight.add(clientId)
    try {
      const id = await this.send(content, clientId, anonymous === true)
      const answered = id !== null && this.answeredIds.has(id)
      this.change(clientId, { id, state: answered ? 'answered' : 'sent' })
    } catch (raw) {
      const error = toError(raw)
      if (!error.retryable) this.change(clientId, { state: 'failed', error: error.code })
      else if (error.code !== 'offline') this.later()
    } finally {
      this.inFlight.delete(clientId)
    }
  }

  private later(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => { this.flush() }, RETRY_MS)
  }

  private change(clientId: string, change: Partial<OwnQuestion>): void {
    const list = this.state.get().list
    this.state.set({ list: list.map((known) => (known.clientId === clientId ? { ...known, ...change } : known)) })
  }
}
