import { BoardPublisher } from './board/publisher'
import { decodeBoard, fromWireViewport, gzipList, hasObjects } from './board/codec'
import type { Change, Drawn, Operation, SnapshotPart } from './board/elements'
import { BoardReceiver } from './board/receiver'
import { Captions } from './captions'
import { Cursor } from './cursor'
import type { BoardElement, Decoded, Viewport } from './board/codec'
import { People } from './people'
import { QuestionDesk } from './desk'
import { LecternError, toError } from './errors'
import type { Code } from './errors'
import { Forum } from './forum'
import { Figures } from './figures'
import type { WireFigures } from './figures'
import { Floor, SPARE_KINDS } from './floor'
import type { WatchedTrack } from './media/layers'
import { MediaPeer } from './media/peer'
import type { Connect, PeerOffer, PeerState } from './media/peer'
import { NO_SOURCES } from './messages'
import type {
  BoardContent, DrawingRule, IceServersNews, ReconnectPresenter, RoomState, ServerAnswer, Source, Sources, Update, WireBoard,
} from './messages'
import { Recording } from './recording'
import { Channel, socketIoTransport } from './signalling'
import type { Transport } from './signalling'
import { Store } from './store'

export type PresenterPhase = 'starting' | 'live' | 'displaced' | 'ended' | 'refused'
export type Connection = 'connecting' | 'online' | 'reconnecting'

export interface Restored {
  decoded: Decoded
  view: Viewport | null
}

export interface PresenterState {
  phase: PresenterPhase
  connection: Connection
  media: PeerState
  /** Why it was refused, when the phase says so. */
  error: LecternError | null
  startTime: string | null
  listeners: number
  /** What the room had when this page came; the editor takes it over, once, and may then draw. */
  restored: Restored | null
  /** The page of the board that everyone is shown. */
  page: number
  /** Who may draw beside the presenter. */
  drawing: DrawingRule['mode']
  /** Whose e-mails stand on the list of those who may. */
  drawers: string[]
  boardProblem: Code | null
  /** A broadcasting program sends sound and picture instead of this page. */
  program: boolean
}

export interface PresenterOptions {
  code: string
  token: () => string
  transport?: Transport
  connect?: Connect
}

/** The server asks for the slot on our behalf for 15 s after a reconnect. */
const SLOT_WAIT_MS = 20_000
const END_WAIT_MS = 8000
const POLL_MS = 200
const FIRST_VIEW = { viewport: [1, 0, 0, 1, 0, 0], eventTime: 0, width: 1280, height: 720 }

/** One presenter of one lecture: signalling, media, board, questions. Framework-free. */
export class Presenter {
  readonly state = new Store<PresenterState>({
    phase: 'starting',
    connection: 'connecting',
    media: 'new',
    error: null,
    startTime: null,
    listeners: 0,
    restored: null,
    page: 0,
    drawing: 'presenter',
    drawers: [],
    boardProblem: null,
    program: false,
  })
  readonly questions: QuestionDesk
  /** What else there is to know of questions, and the class' rules for them. */
  readonly forum = new Forum(
    (event, payload) => this.write(event, payload),
    {
      solved: (id) => { this.questions.solved(id) },
      asked: (question) => { this.questions.asked(question) },
    },
  )
  readonly floor = new Floor((event, payload) => this.write(event, payload), {
    grow: (wanted) => void this.peer.grow(wanted),
    peer: () => this.peer.id,
  })
  readonly figures = new Figures((event, payload) => this.write(event, payload))
  readonly recording = new Recording((event, payload) => this.write(event, payload))
  readonly people = new People((event, payload) =>
    this.lecture.request(event, { roomId: this.options.code, ...payload }))
  readonly captions = new Captions((event, payload) => this.write(event, payload))
  readonly peer: MediaPeer
  private readonly room: Channel
  private readonly lecture: Channel
  private readonly transport: Transport
  private readonly publisher: BoardPublisher
  private readonly receiver: BoardReceiver
  private readonly cursor = new Cursor()
  private readonly followers = new Set<(change: Change) => void>()
  /** The view that the room had, kept until its elements have come. */
  private restoredView: Viewport | null = null
  private sources: Sources = NO_SOURCES
  private blank = new ArrayBuffer(0)
  private initialised = false
  /** This connection may write: it has the presenter's slot. */
  private holding = false
  private slotTimer: ReturnType<typeof setTimeout> | undefined
  /** The board came once: later ones are echoes of our own. */
  private restoring = false
  private entered = false
  private closed = false

  constructor(private readonly options: PresenterOptions) {
    this.transport = options.transport ?? socketIoTransport()
    const auth = () => ({
      accessToken: options.token(), refreshToken: '', roomId: options.code, elements: true,
      ...(this.cursor.seq !== null && { cursor: this.cursor.seq }),
      ...(this.peer.id !== undefined && { peerId: this.peer.id }),
    })
    this.room = new Channel(this.transport, '/create-room', auth, {
      connected: () => { this.roomUp() },
      lost: () => { this.lost() },
      refused: (error) => { this.refused(error) },
    })
    this.lecture = new Channel(this.transport, '/lecture', auth, {
      connected: () => { this.online() },
      lost: () => {
        this.holding = false
        this.lost()
      },
      refused: (error) => { this.refused(error) },
    })
    this.peer = new MediaPeer(
      'sendonly',
      {
        offer: (offer) => this.offer(offer),
        candidate: (candidate) => { this.room.send('clientCandidate', { candidate, presenterSocketId: this.room.id }) },
        state: (media) => { this.state.set({ media }) },
      },
      undefined,
      options.connect,
      undefined,
      {
        kinds: SPARE_KINDS,
        received: (sections) => { this.floor.received(sections) },
        answered: (sections) => { this.floor.answered(sections) },
      },
    )
    this.publisher = new BoardPublisher(
      (opId, ops) => this.sendDraw(opId, ops),
      (content) => this.edit(content),
      () => this.elapsed(),
      (error) => { this.boardProblem(error) },
    )
    this.receiver = new BoardReceiver(
      () => { this.lecture.send('snapshot', { roomId: options.code }) },
      (change, whole) => { this.boardChanged(change, whole) },
    )
    this.questions = new QuestionDesk(
      (questionId) => this.write('solved', { type: 'question', questionId }),
      (error) => { this.displacedBy(error) },
    )
    this.listen()
  }

  async start(): Promise<void> {
    this.blank = await gzipList('[]')
    if (!this.closed) this.room.connect()
  }

  /** Sends `track` as `source`, or nothing; and tells the room. */
  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    await this.peer.replace(source, track)
  }

  setSources(sources: Sources): void {
    this.sources = sources
    this.tellSources()
  }

  /** The editor changed: `elements` are those of `page`, removed ones included. */
  draw(elements: readonly BoardElement[], view: Viewport, page = 0): void {
    if (this.state.get().restored) this.publisher.changed(elements, view, page)
  }

  /** Tells of what others drew, and of our own when it is confirmed. Returns what ends it. */
  follow(listener: (change: Change) => void): () => void {
    this.followers.add(listener)
    return () => { this.followers.delete(listener) }
  }

  /** What the room has on a page. */
  elements(page: number): BoardElement[] {
    return this.receiver.board.page(page)
  }

  /** Lets everyone draw, nobody else, or those on the list: e-mails, and ids of people in the room. */
  async letDraw(mode: DrawingRule['mode'], members: string[] = []): Promise<void> {
    const drawers = mode === 'list' ? members : []
    await this.write('drawing', { mode, members: drawers })
    this.state.set({ drawing: mode, drawers })
  }

  /** Shows another page to everyone, once what was drawn on this one is sent. */
  async showPage(page: number): Promise<void> {
    await this.publisher.flush()
    await this.write('page', { page })
    this.state.set({ page })
  }

  /** Ends the lecture for everyone. Rejects when the server could not be told. */
  async end(): Promise<void> {
    await this.slotHeld()
    await this.publisher.flush()
    try {
      await this.write('end', { type: 'lecture' })
    } catch (raw) {
      const error = toError(raw)
      if (error.code !== 'ended') throw error
    }
    this.finish('ended')
  }

  /** Leaves without ending: the room is held for the grace period. */
  close(): void {
    this.closed = true
    clearTimeout(this.slotTimer)
    this.publisher.close()
    this.receiver.close()
    this.floor.close()
    this.captions.close()
    this.figures.close()
    this.peer.close()
    this.lecture.close()
    this.room.close()
    this.transport.close()
  }

  private listen(): void {
    this.room.on<ServerAnswer>('serverAnswer', (answer) => void this.answered(answer))
    this.room.on<{ candidate: RTCIceCandidateInit }>('serverCandidate', ({ candidate }) => {
      void this.peer.remoteCandidate(candidate)
    })
    this.room.on<ReconnectPresenter>('reconnectPresenter', (back) => {
      this.state.set({ startTime: back.startTime ?? null })
      this.questions.load(back.questions ?? [])
      if (back.whiteboard) void this.restore(back.whiteboard)
    })
    for (const channel of [this.room, this.lecture]) {
      channel.on<IceServersNews>('iceServers', ({ iceServers }) => { this.peer.useServers(iceServers ?? []) })
    }
    this.lecture.on<RoomState>('state', (state) => { this.roomState(state) })
    this.hear<Update>('update', (update) => void this.restore(update.content))
    this.hear<Drawn>('drawn', (drawn) => { this.receiver.drawn(drawn) })
    this.hear<SnapshotPart>('snapshot', (part) => { if (this.receiver.part(part)) this.cursor.arrived() })
    this.hear<DrawingRule>('drawing', ({ mode, members }) => { this.state.set({ drawing: mode, drawers: members ?? [] }) })
    this.hear<{ page: number }>('page', ({ page }) => { this.state.set({ page }) })
    this.forum.listen((event, listener) => { this.hear(event, listener) })
    this.hear<{ count: number }>('listeners', ({ count }) => { this.state.set({ listeners: count }) })
    this.hear<{ live: boolean }>('whip', ({ live }) => {
      this.state.set({ program: live })
      // While a program sends, this page's sections are answered as inactive, and again when it is over.
      void this.peer.start()
    })
    this.hear<{ tracks: WatchedTrack[] }>('layers', ({ tracks }) => void this.peer.watched(tracks))
    this.lecture.on<WireFigures>('stats', (figures) => { this.figures.came(figures) })
    this.floor.listen((event, listener) => { this.hear(event, listener) })
    this.recording.listen((event, listener) => { this.hear(event, listener) })
    this.captions.listen((event, listener) => { this.hear(event, listener) })
    this.people.listen((event, listener) => { this.hear(event, listener) })
    this.hear('displaced', () => { this.finish('displaced') })
    this.lecture.on('presenting', () => { this.hold() })
    this.hear<{ relay?: string }>('media_moved', ({ relay }) => void this.peer.move(relay))
    this.lecture.on('ended', () => { this.finish('ended') })
  }

  /** A room event: each once, also when a return replays some. */
  private hear<T>(event: string, listener: (payload: T) => void): void {
    this.lecture.on<T>(event, (payload) => { if (this.cursor.accept(payload)) listener(payload) })
  }

  private roomUp(): void {
    if (this.peer.state === 'new') void this.peer.start()
    else this.peer.signallingBack()
    this.online()
  }

  /** The slot is ours: what waited for it goes out. */
  private hold(): void {
    this.holding = true
    clearTimeout(this.slotTimer)
    this.tellSources()
    if (this.state.get().restored) this.publisher.resend()
    this.questions.retry()
  }

  /** A connection that is just coming back is worth a short wait. Rejects with `offline`. */
  private async slotHeld(): Promise<void> {
    for (let waited = 0; !this.holding; waited += POLL_MS) {
      if (this.closed || waited >= END_WAIT_MS) throw new LecternError('offline', 'the server is away', true)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** A write to the room, only with the slot: before it comes (back), a refusal would say nothing. */
  private write(event: string, payload: object): Promise<Record<string, unknown>> {
    if (!this.holding) return Promise.reject(new LecternError('offline', 'the slot is not held yet', true))
    return this.lecture.request(event, { roomId: this.options.code, ...payload })
  }

  private online(): void {
    if (this.room.connected && (!this.entered || this.lecture.connected)) this.state.set({ connection: 'online' })
  }

  private lost(): void {
    if (this.state.get().connection === 'online') this.state.set({ connection: 'reconnecting' })
  }

  private refused(error: LecternError): void {
    if (error.code === 'ended') this.finish('ended')
    else if (error.code === 'stale_presenter') this.finish('displaced')
    else if (error.code === 'not_joined') void this.peer.start()
    else if (!error.retryable) this.finish('refused', error)
    else this.lost()
  }

  private async offer(offer: PeerOffer): Promise<unknown> {
    try {
      // A whole new offer takes the slot. Another tab that has it meanwhile keeps it.
      if (this.holding && offer.peerId === undefined) await this.write('sources', this.sources)
      const sent = this.room.request('presenterOffer', {
        socketId: this.room.id, roomId: this.options.code, ...offer,
      })
      if (!this.initialised) {
        const whiteboardDetails = { objects: this.blank, ...FIRST_VIEW }
        this.room.send('whiteboardInit', { roomId: this.options.code, whiteboardDetails })
      }
      return await sent
    } catch (raw) {
      const error = toError(raw)
      if (offer.peerId === undefined || error.code === 'stale_presenter') {
        if (!error.retryable) this.refused(error)
      }
      throw error
    }
  }

  private async answered(answer: ServerAnswer): Promise<void> {
    this.initialised = true
    if (answer.startTime !== undefined) this.state.set({ startTime: answer.startTime })
    if (!this.entered) {
      this.entered = true
      this.lecture.connect()
    } else if (!this.lecture.connected) {
      this.lecture.reconnect()
    } else {
      this.hold()
    }
    if (this.state.get().phase === 'starting') this.state.set({ phase: 'live' })
    await this.peer.answer(answer)
  }

  private roomState(state: RoomState): void {
    this.state.set({
      startTime: state.startTime ?? this.state.get().startTime,
      listeners: state.listeners ?? this.state.get().listeners,
    })
    if (state.questions) this.questions.load(state.questions)
    this.state.set({ program: state.whip === true })
    this.floor.load(state)
    this.figures.resume()
    this.forum.load(state)
    this.recording.load(state)
    this.cursor.began(state)
    this.receiver.roomState(state)
    if (state.page !== undefined) this.state.set({ page: state.page })
    if (state.drawing) this.state.set({ drawing: state.drawing.mode, drawers: state.drawing.members ?? [] })
    // What the room has is restored by now, or on its way; a fresh room says nothing about its board.
    const comes = this.restoring || state.board?.kind === 'elements'
    if (!comes) this.state.set({ restored: { decoded: { kind: 'unchanged' }, view: this.restoredView } })
    this.restoring = true
    if (state.epoch !== 0) return this.hold()
    clearTimeout(this.slotTimer)
    this.slotTimer = setTimeout(() => { this.finish('displaced') }, SLOT_WAIT_MS)
  }

  /** A whole board, from before this page came. One without objects has a view, no more. */
  private async restore(board: WireBoard): Promise<void> {
    if (this.restoring) return
    this.restoredView = fromWireViewport(board) ?? this.restoredView
    if (!hasObjects(board)) return
    this.restoring = true
    const decoded = await decodeBoard(board)
    if (!this.closed) this.state.set({ restored: { decoded, view: this.restoredView } })
  }

  private boardChanged(change: Change, whole: boolean): void {
    if (whole) {
      const elements = [...this.receiver.board.elements.values()]
      this.publisher.restored(elements)
      if (this.state.get().restored === null) {
        const { page } = this.receiver.state.get()
        const decoded: Decoded = { kind: 'elements', elements: this.elements(page) }
        this.state.set({ page, restored: { decoded, view: this.restoredView } })
      }
    } else {
      this.publisher.heard(change)
    }
    for (const follower of this.followers) follower(change)
  }

  private async sendDraw(opId: string, ops: Operation[]): Promise<void> {
    await this.write('draw', { opId, ops })
  }

  private async edit(content: BoardContent): Promise<void> {
    await this.write('edit', { type: 'whiteBoard', content })
  }

  private boardProblem(error: LecternError | null): void {
    this.state.set({ boardProblem: error === null || error.retryable ? null : error.code })
    if (error) this.displacedBy(error)
  }

  private tellSources(): void {
    this.write('sources', this.sources).catch((raw: unknown) => {
      this.displacedBy(toError(raw))
    })
  }

  private displacedBy(error: LecternError): void {
    if (error.code === 'stale_presenter') this.finish('displaced')
    else if (error.code === 'ended') this.finish('ended')
  }

  private finish(phase: 'ended' | 'displaced' | 'refused', error: LecternError | null = null): void {
    if (this.closed) return
    this.state.set({ phase, error })
    this.close()
  }

  private elapsed(): number {
    const start = Date.parse(this.state.get().startTime ?? '')
    return Number.isNaN(start) ? 0 : Math.max(0, Date.now() - start)
  }
}
