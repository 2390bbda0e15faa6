import { LecternError, toError } from './errors'
import { Store } from './store'

export interface Answer {
  content: string
  name: string
}

export interface Assistant {
  memberId: string
  name: string
}

/** A question as the server tells it; what is for the staff, or for its asker, is absent for others. */
export interface WireForumQuestion {
  questionId: string
  content: string
  name?: string
  anonymous?: boolean
  votes?: number
  answered?: boolean
  answer?: Answer
  mine?: boolean
  voted?: boolean
  shown?: 'visible' | 'waiting' | 'hidden'
  memberId?: string
  claimed?: Assistant & { until?: string }
}

export interface WireForum {
  memberId?: string
  assistant?: boolean
  assistants?: Assistant[]
  moderation?: boolean
  questions?: unknown[]
  /** Of the ids that were asked about. */
  known?: Record<string, 'open' | 'answered' | 'unknown'>
}

export interface ForumQuestion {
  id: string
  content: string
  /** Of who asked; empty for the anonymous, but for the staff. */
  name: string
  anonymous: boolean
  votes: number
  voted: boolean
  mine: boolean
  answered: boolean
  answer: Answer | null
  shown: 'visible' | 'waiting' | 'hidden'
  memberId: string
  claimed: Assistant | null
}

export interface ForumState {
  questions: ForumQuestion[]
  memberId: string
  /** This member may answer. */
  assistant: boolean
  assistants: Assistant[]
  moderation: boolean
  /** The last refusal of something that a person did here. */
  problem: LecternError | null
}

/** Sends an event of the lecture; rejects with a `LecternError`. */
export type Say = (event: string, payload: object) => Promise<Record<string, unknown>>
/** Has a listener called with each event of that name. */
export type Hear = <T>(event: string, listener: (payload: T) => void) => void

export type Order = 'time' | 'votes'

export function sorted(questions: readonly ForumQuestion[], order: Order): ForumQuestion[] {
  if (order === 'time') return [...questions]
  return questions
    .map((question, at) => ({ question, at }))
    .sort((a, b) => b.question.votes - a.question.votes || a.at - b.at)
    .map(({ question }) => question)
}

function read(wire: WireForumQuestion): ForumQuestion {
  return {
    id: wire.questionId,
    content: wire.content,
    name: wire.name ?? '',
    anonymous: wire.anonymous === true,
    votes: wire.votes ?? 0,
    voted: wire.voted === true,
    mine: wire.mine === true,
    answered: wire.answered === true,
    answer: wire.answer ?? null,
    shown: wire.shown ?? 'visible',
    memberId: wire.memberId ?? '',
    claimed: wire.claimed ?? null,
  }
}

function isQuestion(value: unknown): value is WireForumQuestion {
  return typeof value === 'object' && value !== null && 'questionId' in value && 'content' in value
}

export interface ForumListeners {
  /** Hears of every question that is answered, also of one that was already. */
  solved: (id: string) => void
  /** Hears of every question that is hidden from the class, or shown to it. */
  hidden?: (id: string, hidden: boolean) => void
  /** The presenter's: hears of every new question. */
  asked?: (question: WireForumQuestion) => void
}

/** The lecture's questions as this member may see them, and what it may do with them. */
export class Forum {
  readonly state = new Store<ForumState>({
    questions: [], memberId: '', assistant: false, assistants: [], moderation: false, problem: null,
  })

  private readonly own = new Set<string>()

  constructor(
    private readonly say: Say,
    private readonly others: ForumListeners,
  ) {}

  private get isPresenter(): boolean {
    return this.others.asked !== undefined
  }

  /** Each event is heard once, here: what else wants it is a listener of this one. */
  listen(hear: Hear): void {
    hear<WireForumQuestion>('question', (question) => {
      this.add({ ...question, shown: 'visible' })
      this.others.hidden?.(question.questionId, false)
    })
    hear<WireForumQuestion>('asked', (question) => {
      this.add(question)
      this.others.asked?.(question)
    })
    hear<{ votes: Record<string, number> }>('votes', ({ votes }) => {
      this.each((known) => ({ ...known, votes: votes[known.id] ?? known.votes }))
    })
    hear<{ questionId: string } & Answer>('answered', ({ questionId, content, name }) => {
      this.change(questionId, { answer: { content, name }, answered: true })
    })
    hear<{ questionId: string }>('solved', ({ questionId }) => {
      this.change(questionId, { answered: true, claimed: null })
    })
    hear<{ questionId: string }>('hidden', ({ questionId }) => { this.hid(questionId) })
    hear<{ questionId: string; by: Assistant | null }>('claimed', ({ questionId, by }) => {
      this.change(questionId, { claimed: by })
    })
    hear<{ on: boolean }>('moderation', ({ on }) => { this.state.set({ moderation: on }) })
    hear<{ assistants: Assistant[] }>('assistants', ({ assistants }) => { this.appointed(assistants) })
  }

  /** Everything, as the server has it now. */
  load(from: WireForum): void {
    const known = this.state.get()
    this.state.set({
      memberId: from.memberId ?? known.memberId,
      assistant: from.assistant ?? known.assistant,
      assistants: from.assistants ?? known.assistants,
      moderation: from.moderation ?? known.moderation,
      ...(from.questions && { questions: from.questions.filter(isQuestion).map(read) }),
    })
    this.state.get().questions.forEach((question) => { this.tell(question) })
    for (const [id, state] of Object.entries(from.known ?? {})) if (state === 'answered') this.others.solved(id)
  }

  private tell({ id, answered, mine, shown }: ForumQuestion): void {
    if (answered) this.others.solved(id)
    else if (mine && shown !== 'waiting') this.others.hidden?.(id, shown === 'hidden')
  }

  /** Asks for everything, and what became of the questions with these ids. */
  async refresh(ids: string[] = []): Promise<void> {
    try {
      this.load((await this.say('questions', { ids })) as WireForum)
    } catch {
      // The next connection brings it.
    }
  }

  /** This member asked it; it may have come already, or come later. */
  isMine(id: string): void {
    this.own.add(id)
    this.change(id, { mine: true })
  }

  vote(id: string, on: boolean): Promise<boolean> {
    const before = this.state.get().questions.find((known) => known.id === id)
    if (!before || before.voted === on) return Promise.resolve(true)
    this.change(id, { voted: on, votes: before.votes + (on ? 1 : -1) })
    return this.act('upvote', { questionId: id, on }, ({ votes }) => {
      this.change(id, { votes: Number(votes), voted: on })
    }, () => { this.change(id, { voted: before.voted, votes: before.votes }) })
  }

  answer(id: string, content: string): Promise<boolean> {
    return this.act('answer', { questionId: id, content })
  }

  solve(id: string): Promise<boolean> {
    return this.act('solved', { type: 'question', questionId: id })
  }

  show(id: string, visible: boolean): Promise<boolean> {
    return this.act(visible ? 'approve' : 'hide', { questionId: id })
  }

  /** Without an id, the first that is free. */
  claim(id?: string): Promise<boolean> {
    return this.act('claim', id === undefined ? {} : { questionId: id })
  }

  moderate(on: boolean): Promise<boolean> {
    const before = this.state.get().moderation
    this.state.set({ moderation: on })
    return this.act('moderation', { on }, undefined, () => { this.state.set({ moderation: before }) })
  }

  /** By e-mail or member id. */
  appoint(member: string, name = ''): Promise<boolean> {
    return this.act('appoint', { member, name })
  }

  dismiss(member: string): Promise<boolean> {
    return this.act('dismiss', { member })
  }

  private async act(
    event: string,
    payload: object,
    done: (answer: Record<string, unknown>) => void = () => undefined,
    undo: () => void = () => undefined,
  ): Promise<boolean> {
    this.state.set({ problem: null })
    try {
      done(await this.say(event, payload))
      return true
    } catch (raw) {
      undo()
      this.state.set({ problem: toError(raw) })
      return false
    }
  }

  private appointed(assistants: Assistant[]): void {
    const { memberId, assistant } = this.state.get()
    const now = !this.isPresenter && assistants.some((one) => one.memberId === memberId)
    this.state.set({ assistants, assistant: now })
    // The staff sees more, and one who is dismissed less.
    if (now !== assistant) void this.refresh()
  }

  private add(wire: WireForumQuestion): void {
    const { questions } = this.state.get()
    const known = questions.find((one) => one.id === wire.questionId)
    const fresh = { ...read(wire), mine: wire.mine === true || this.own.has(wire.questionId) }
    if (!known) this.state.set({ questions: [...questions, fresh] })
    else {
      // What the class is told of a question leaves out what the staff knows of it.
      this.change(known.id, {
        shown: fresh.shown, votes: fresh.votes, answered: fresh.answered, answer: fresh.answer ?? known.answer,
      })
    }
  }

  private hid(id: string): void {
    this.others.hidden?.(id, true)
    const { questions, assistant } = this.state.get()
    const known = questions.find((one) => one.id === id)
    if (!known) return
    if (this.isPresenter || assistant || known.mine) this.change(id, { shown: 'hidden' })
    else this.state.set({ questions: questions.filter((one) => one.id !== id) })
  }

  private change(id: string, change: Partial<ForumQuestion>): void {
    if (change.answered) this.others.solved(id)
    this.each((known) => (known.id === id ? { ...known, ...change } : known))
  }

  private each(change: (question: ForumQuestion) => ForumQuestion): void {
    this.state.set({ questions: this.state.get().questions.map(change) })
  }
}
