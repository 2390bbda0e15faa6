import type { BoardElement } from './board/codec'
import type { Drawn, SnapshotPart } from './board/elements'
import { Pen } from './board/pen'
import { BoardReceiver } from './board/receiver'
import { Captions } from './captions'
import { Cursor } from './cursor'
import { toError } from './errors'
import type { LecternError } from './errors'
import { Floor, SPARE_KINDS } from './floor'
import { Forum } from './forum'
import { MediaPeer } from './media/peer'
import type { Connect, PeerOffer, PeerState } from './media/peer'
import { NO_SOURCES, readSources } from './messages'
import type { DrawingRule, IceServersNews, RoomState, ServerAnswer, Source, Sources, Update } from './messages'
import type { Connection } from './presenter'
import { OwnQuestions } from './questions'
import type { OwnQuestion } from './questions'
import { Recording } from './recording'
import { Channel, socketIoTransport } from './signalling'
import type { Transport } from './signalling'
import { Store } from './store'

export type ParticipantPhase = 'connecting' | 'waiting' | 'live' | 'ended' | 'refused' | 'removed'

export interface ParticipantState {
  phase: ParticipantPhase
  connection: Connection
  media: PeerState
  error: LecternError | null
  startTime: string | null
  presenterPresent: boolean
  /** When the lecture ends by itself unless the presenter returns; ISO 8601. */
  deadline: string | null
  sources: Sources
  streams: Record<Source, MediaStream> | null
}

export interface ParticipantOptions {
  code: string
  /** `""` for a guest. */
  token: () => string
  transport?: Transport
  connect?: Connect
  questions?: OwnQuestion[]
  keepQuestions?: (list: OwnQuestion[]) => void
}

/** One participant of one lecture, with an account or as a guest. Framework-free. */
export class Participant {
  readonly state = new Store<ParticipantState>({
    phase: 'connecting',
    connection: 'connecting',
    media: 'new',
    error: null,
    startTime: null,
    presenterPresent: true,
    deadline: null,
    sources: NO_SOURCES,
    streams: null,
  })
  readonly pen = new Pen(async (opId, ops) => {
    await this.lecture.request('draw', { roomId: this.options.code, opId, ops })
  })
  private readonly receiver = new BoardReceiver(
    () => { this.lecture.send('snapshot', { roomId: this.options.code }) },
    (change, whole) => { this.pen.changed(change, whole, this.receiver.board) },
  )
  readonly board = this.receiver.state
  readonly questions: OwnQuestions
  /** Everybody's. */
  readonly forum = new Forum(
    (event, payload) => this.lecture.request(event, { roomId: this.options.code, ...payload }),
    {
      solved: (id) => { this.questions.answered(id) },
      hidden: (id, hidden) => { this.questions.hidden(id, hidden) },
    },
  )
  readonly floor = new Floor(
    (event, payload) => this.lecture.request(event, { roomId: this.options.code, ...payload }),
    {
      grow: (wanted) => void this.peer.grow(wanted),
      servers: () => this.peer.iceServers,
      peer: () => this.peer.id,
    },
  )
  /** A participant only knows of it. */
  readonly recording = new Recording(() => Promise.resolve())
  /** Lines in writing; an assistant types them. */
  readonly captions = new Captions((event, payload) =>
    this.lecture.request(event, { roomId: this.options.code, ...payload }))
  readonly peer: MediaPeer
  private readonly entrance: Channel
  private readonly lecture: Channel
  private readonly transport: Transport
  private guestId = ''
  private entered = false
  private closed = false
  private received: Partial<Record<Source, MediaStream>> = {}
  private readonly cursor = new Cursor()

  constructor(private readonly options: ParticipantOptions) {
    this.transport = options.transport ?? socketIoTransport()
    this.entrance = new Channel(
      this.transport,
      '/enter-room',
      () => ({ accessToken: options.token(), refreshToken: '', roomId: options.code, elements: true }),
      {
        connected: () => { this.entranceUp() },
        lost: () => { this.lost() },
        refused: (error) => { this.refused(error) },
      },
    )
    // A guest is the id that its entrance had when it was let in: every return presents that one.
    this.lecture = new Channel(
      this.transport,
      '/lecture',
      () => ({
        accessToken: options.token() || this.guestId, refreshToken: '', roomId: options.code, elements: true,
        ...(this.cursor.seq !== null && { cursor: this.cursor.seq }),
        ...(this.peer.id !== undefined && { peerId: this.peer.id }),
      }),
      {
        connected: () => { this.lectureUp() },
        lost: () => { this.lost() },
        refused: (error) => { this.lectureRefused(error) },
      },
    )
    this.questions = new OwnQuestions(
      (content, clientQuestionId, anonymous) => this.send(content, clientQuestionId, anonymous),
      options.questions,
      options.keepQuestions,
    )
    this.peer = new MediaPeer(
      'recvonly',
      {
        offer: (offer) => this.offer(offer),
        candidate: (candidate) => {
          this.entrance.send('clientCandidate', { candidate, studentSocketId: this.entrance.id })
        },
        state: (media) => { this.state.set({ media }) },
      },
      (source, track) => { this.track(source, track) },
      options.connect,
      undefined,
      {
        kinds: SPARE_KINDS,
        received: (sections) => { this.floor.received(sections) },
        answered: (sections) => { this.floor.answered(sections) },
      },
    )
    this.listen()
  }

  start(): void {
    this.entrance.connect()
  }

  /** Goes; the lecture goes on without this participant. */
  async leave(): Promise<void> {
    if (this.lecture.connected) {
      await this.lecture
        .request('leave', { type: 'lecture', roomId: this.options.code }, 2000)
        .catch(() => undefined)
    }
    this.close()
  }

  close(): void {
    this.closed = true
    this.questions.close()
    this.receiver.close()
    this.pen.close()
    this.floor.close()
    this.captions.close()
    this.peer.close()
    this.lecture.close()
    this.entrance.close()
    this.transport.close()
  }

  /** What the room has on a page of the board. */
  elements(page: number): BoardElement[] {
    return this.receiver.board.page(page)
  }

  private listen(): void {
    this.entrance.on<ServerAnswer>('serverAnswer', (answer) => void this.answered(answer))
    this.entrance.on<{ candidate: RTCIceCandidateInit }>('serverCandidate', ({ candidate }) => {
      void this.peer.remoteCandidate(candidate)
    })
    for (const channel of [this.entrance, this.lecture]) {
      channel.on<IceServersNews>('iceServers', ({ iceServers }) => { this.peer.useServers(iceServers ?? []) })
    }
    this.lecture.on<RoomState>('state', (state) => { this.roomState(state) })
    this.hear<Update>('update', (update) => { this.receiver.updated(update) })
    this.hear<Drawn>('drawn', (drawn) => { this.receiver.drawn(drawn) })
    this.hear<SnapshotPart>('snapshot', (part) => { if (this.receiver.part(part)) this.cursor.arrived() })
    this.hear<DrawingRule>('drawing', (rule) => { this.pen.rule(rule) })
    this.hear<{ page: number }>('page', ({ page }) => { this.receiver.show(page) })
    this.floor.listen((event, listener) => { this.hear(event, listener) })
    this.forum.listen((event, listener) => { this.hear(event, listener) })
    this.recording.listen((event, listener) => { this.hear(event, listener) })
    this.captions.listen((event, listener) => { this.hear(event, listener) })
    this.hear<Partial<Sources>>('sources', (sources) => { this.state.set({ sources: readSources(sources) }) })
    this.hear<{ deadline: string }>('presenter_away', ({ deadline }) => {
      this.state.set({ presenterPresent: false, deadline })
    })
    this.hear('presenter_back', () => { this.state.set({ presenterPresent: true, deadline: null }) })
    this.hear<{ relay?: string }>('media_moved', ({ relay }) => void this.peer.move(relay))
    for (const channel of [this.entrance, this.lecture]) {
      channel.on('removed', () => { this.finish('removed') })
    }
    this.lecture.on('ended', () => {
      this.lecture.send('leave', { type: 'lecture', roomId: this.options.code })
      this.finish('ended')
    })
  }

  /** A room event: each once, also when a return replays some. */
  private hear<T>(event: string, listener: (payload: T) => void): void {
    this.lecture.on<T>(event, (payload) => { if (this.cursor.accept(payload)) listener(payload) })
  }

  private entranceUp(): void {
    if (this.peer.state === 'new') void this.peer.start()
    else this.peer.signallingBack()
    this.online()
  }

  private lectureUp(): void {
    this.online()
    this.questions.flush()
  }

  private online(): void {
    if (this.entrance.connected && (!this.entered || this.lecture.connected)) {
      this.state.set({ connection: 'online' })
    }
  }

  private lost(): void {
    if (this.state.get().connection === 'online') this.state.set({ connection: 'reconnecting' })
  }

  private refused(error: LecternError): void {
    if (error.code === 'ended') this.finish('ended')
    else if (error.code === 'not_started') this.state.set({ phase: 'waiting', connection: 'online' })
    else if (!error.retryable) this.finish('refused', error)
    else this.lost()
  }

  /** The room no longer knows this member (it was away too long): it enters anew, unasked. */
  private lectureRefused(error: LecternError): void {
    const forgotten = error.code === 'not_joined' || (error.code === 'unauthorized' && this.options.token() === '')
    if (forgotten) void this.peer.start()
    else this.refused(error)
  }

  private async offer(offer: PeerOffer): Promise<unknown> {
    try {
      return await this.entrance.request('studentOffer', {
        socketId: this.entrance.id, roomId: this.options.code, ...offer,
      })
    } catch (raw) {
      const error = toError(raw)
      const restart = offer.peerId !== undefined
      if (error.code === 'not_started' || error.code === 'ended' || (!restart && !error.retryable)) this.refused(error)
      throw error
    }
  }

  private async answered(answer: ServerAnswer): Promise<void> {
    this.state.set({
      phase: 'live',
      startTime: answer.startTime ?? this.state.get().startTime,
      presenterPresent: answer.presenterPresent ?? this.state.get().presenterPresent,
    })
    if (answer.whiteboard) this.receiver.updated({ content: answer.whiteboard })
    if (!this.entered) {
      this.entered = true
      this.guestId = this.entrance.id
      this.lecture.connect()
    } else if (!this.lecture.connected) {
      this.guestId = this.entrance.id
      this.lecture.reconnect()
    }
    await this.peer.answer(answer)
  }

  private roomState(state: RoomState): void {
    this.cursor.began(state)
    this.receiver.roomState(state)
    this.pen.rule(state.drawing)
    this.pen.resume()
    this.forum.load(state)
    this.floor.load(state)
    this.recording.load(state)
    // What was answered while this page was not here.
    const unanswered = this.questions.unanswered()
    if (unanswered.length > 0) void this.forum.refresh(unanswered)
    const present = state.presenterPresent ?? true
    this.state.set({
      startTime: state.startTime ?? this.state.get().startTime,
      presenterPresent: present,
      deadline: present ? null : (state.deadline ?? null),
      sources: readSources(state.sources),
    })
  }

  private async send(content: string, clientQuestionId: string, anonymous: boolean): Promise<string | null> {
    const answer = await this.lecture.request('ask', {
      type: 'question', roomId: this.options.code, content, clientQuestionId, anonymous,
    })
    if (typeof answer.questionId === 'string') this.forum.isMine(answer.questionId)
    return typeof answer.questionId === 'string' ? answer.questionId : null
  }

  private track(source: Source, track: MediaStreamTrack): void {
    this.received = { ...this.received, [source]: new MediaStream([track]) }
    const { microphone, camera, screen } = this.received
    if (microphone && camera && screen) this.state.set({ streams: { microphone, camera, screen } })
  }

  private finish(phase: 'ended' | 'refused' | 'removed', error: LecternError | null = null): void {
    if (this.closed) return
    this.state.set({ phase, error })
    this.close()
  }
}
