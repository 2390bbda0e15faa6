import { toError } from './errors'
import type { LecternError } from './errors'
import type { Kind, SpareSection } from './media/sections'
import type { Source, Sources } from './messages'
import { Turn } from './speaking'
import type { Ask, Open } from './speaking'
import { Store } from './store'

export type { Ask } from './speaking'

export interface Hand { id: string; name: string }

export interface Speaker {
  id: string
  name: string
  sources: Sources
  /** Who holds each source muted: its owner, the presenter, or both. */
  muted: Partial<Record<Source, ('owner' | 'presenter')[]>>
}

/** A spare section, and whose track it carries now. */
export interface Tile {
  key: string
  kind: Kind
  stream: MediaStream
  mid: string | null
  owner: string | null
  source: Source | null
}

/** What this client's link does to one of its sections. */
export interface Shown { layer: number; temporal: number; paused: boolean; short: boolean }

export interface FloorState {
  /** The presenter sees them; for anybody else the list is empty. */
  hands: Hand[]
  speakers: Speaker[]
  /** A participant's own name among the speakers. */
  speakerId: string | null
  handUp: boolean
  /** Who is heard now: a speaker's id, `"presenter"`, or nobody. */
  speaking: string | null
  /** dBov, by speaker; those who are silent are absent. */
  levels: Record<string, number>
  error: LecternError | null
  /** What the others send, to be played. */
  tiles: Tile[]
  /** By section. */
  shown: Record<string, Shown>
}

interface Binding { owner: string | null; source: Source | null }

interface Coming { track: MediaStreamTrack | undefined; bound: Map<string, Binding>; shown: Record<string, Shown> }

interface WireFloor {
  hands?: Hand[]
  speakers?: Speaker[]
  speakerId?: string
}

type Hear = <T>(event: string, listener: (payload: T) => void) => void

/** Sections that every page has from the start; more come when more speak (`Floor.needs`). */
export const SPARE_KINDS = ['audio', 'audio', 'video'] as const
const MAX_SPARE = 7
const FULL: Shown = { layer: 0, temporal: 0, paused: false, short: false }
/** A class offers more sections one after the other, not at once. */
const SPREAD_MS = 1500

export interface FloorOptions {
  /** Offers more spare sections, so that there are so many. */
  grow?: (wanted: Record<Kind, number>) => void
  servers?: () => RTCIceServer[]
  connect?: (configuration: RTCConfiguration) => RTCPeerConnection
  open?: Open
  /** How the relay knows the connection by which this page listens. */
  peer?: () => string | undefined
}

/** Hands, invitations, and what the others send: who speaks beside the presenter. */
export class Floor {
  readonly state = new Store<FloorState>({
    hands: [], speakers: [], speakerId: null, handUp: false, speaking: null, levels: {}, error: null, tiles: [], shown: {},
  })
  /** An invited participant's own media. */
  readonly turn: Turn
  private sections: (SpareSection & { key: string; stream: MediaStream })[] = []
  private bound = new Map<string, Binding>()
  /** What is told of a new connection's sections before the page has taken them over. */
  private coming: Coming | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly ask: Ask, private readonly options: FloorOptions = {}) {
    this.turn = new Turn(ask, options.servers, options.connect, options.open)
  }

  listen(hear: Hear): void {
    hear<{ hands: Hand[] }>('hands', ({ hands }) => { this.state.set({ hands }) })
    hear<{ speakers: Speaker[] }>('tracks', ({ speakers }) => { this.changed(speakers) })
    hear<{ id: string | null }>('speaking', ({ id }) => { this.state.set({ speaking: id }) })
    hear<{ levels: { id: string; level: number }[] }>('levels', ({ levels }) => {
      this.state.set({ levels: Object.fromEntries(levels.map(({ id, level }) => [id, level])) })
    })
    hear<{ sections: { mid: string; id: string | null; source: Source | null }[] }>('bound', ({ sections }) => {
      const bound = this.coming?.bound ?? this.bound
      for (const { mid, id, source } of sections) bound.set(mid, { owner: id, source })
      this.show()
    })
    hear<{ sections: { mid: string; layer: number; temporal: number; paused: boolean }[] }>('layer', ({ sections }) => {
      for (const { mid, ...layer } of sections) this.note(mid, layer)
    })
    hear<{ sections: { mid: string; short: boolean }[] }>('bandwidth', ({ sections }) => {
      for (const { mid, short } of sections) this.note(mid, { short })
    })
  }

  load(room: WireFloor): void {
    this.state.set({ hands: room.hands ?? [], speakerId: room.speakerId ?? null })
    this.changed(room.speakers ?? [])
  }

  /** The spare sections: those that were here stay in front, or all are another connection's. */
  received(sections: SpareSection[]): void {
    const isSame = this.sections.length > 0 && this.sections[0]?.track === sections[0]?.track
    if (!isSame) {
      const coming = this.coming?.track === sections[0]?.track ? this.coming : null
      this.bound = coming?.bound ?? new Map<string, Binding>()
      this.state.set({ shown: coming?.shown ?? {} })
      this.coming = null
    }
    this.sections = sections.map((section, index) => {
      const known = isSame ? this.sections[index] : undefined
      return known ?? { ...section, key: `${section.kind}-${String(index)}`, stream: new MediaStream([section.track]) }
    })
    this.show()
  }

  /**
   * A new connection was answered. The server may speak of its sections before they are here, while
   * those of the old one are still shown; both may go by the same names.
   */
  answered(sections: SpareSection[]): void {
    const track = sections[0]?.track
    this.coming = { track, bound: new Map<string, Binding>(), shown: {} }
    if (this.sections[0]?.track !== track) return
    const { bound, shown } = this.coming
    this.coming = null
    this.bound = bound
    this.state.set({ shown })
    this.show()
  }

  get isInvited(): boolean {
    const { speakers, speakerId } = this.state.get()
    return speakerId !== null && speakers.some((speaker) => speaker.id === speakerId)
  }

  async hand(up: boolean): Promise<void> {
    await this.tried(async () => {
      await this.ask('hand', { up })
      this.state.set({ handUp: up })
    })
  }

  async invite(id: string): Promise<void> {
    await this.tried(() => this.ask('invite', { speakerId: id }))
  }

  async uninvite(id: string): Promise<void> {
    await this.tried(() => this.ask('uninvite', { speakerId: id }))
  }

  /** Mutes a track: one's own without `id`, by the presenter anybody's. */
  async mute(source: Source, on: boolean, id?: string): Promise<void> {
    await this.tried(() => this.ask('mute', { source, on, ...(id !== undefined && { speakerId: id }) }))
  }

  /** Bounds one section of this page's own; `null` for all bounds stops it. */
  async prefer(mid: string, bounds: object | null): Promise<void> {
    const peer = this.options.peer?.()
    const place = { mid, ...(peer !== undefined && { peerId: peer }) }
    // A section that has just gone needs no bounds.
    await this.ask('pause', { ...place, on: bounds === null }).catch(() => undefined)
    if (bounds !== null) await this.ask('prefer', { ...place, ...bounds }).catch(() => undefined)
  }

  close(): void {
    clearTimeout(this.timer)
    this.turn.close()
  }

  private note(mid: string, news: Partial<Shown>): void {
    const noted = (shown: Record<string, Shown>) => ({ ...shown, [mid]: { ...FULL, ...shown[mid], ...news } })
    if (this.coming) this.coming.shown = noted(this.coming.shown)
    else this.state.set({ shown: noted(this.state.get().shown) })
  }

  private show(): void {
    this.state.set({
      tiles: this.sections.map(({ key, kind, stream, mid }) => {
        const at = mid()
        const bound = at === null ? undefined : this.bound.get(at)
        return { key, kind, stream, mid: at, owner: bound?.owner ?? null, source: bound?.source ?? null }
      }),
    })
  }

  private changed(speakers: Speaker[]): void {
    this.state.set({ speakers })
    if (this.isInvited) this.state.set({ handUp: false })
    else if (this.turn.isSending) this.turn.close()
    this.needs()
  }

  /** Sees to it that everybody who speaks can be heard and seen here. */
  private needs(): void {
    const { speakers, speakerId } = this.state.get()
    const others = speakers.filter(({ id }) => id !== speakerId)
    const wanted = {
      audio: Math.min(MAX_SPARE, others.length),
      video: Math.min(MAX_SPARE, others.reduce((sum, { sources }) => sum + Number(sources.camera) + Number(sources.screen), 0)),
    }
    const has = (kind: Kind) => this.sections.filter((section) => section.kind === kind).length
    if (wanted.audio <= has('audio') && wanted.video <= has('video')) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => { this.options.grow?.(wanted) }, Math.random() * SPREAD_MS)
  }

  private async tried(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      this.state.set({ error: null })
    } catch (raw) {
      this.state.set({ error: toError(raw) })
    }
  }
}
