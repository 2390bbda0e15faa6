import type { Source } from './messages'
import { Store } from './store'

export interface TrackFigures {
  source: Source
  rid: string
  codec: string
  packets: number
  bytes: number
  lost: number
  recovered: number
  jitter_seconds: number
  bitrate_bps: number
  width: number
  height: number
  active: boolean
  muted: boolean
}

export interface SectionFigures {
  mid: string
  kind: 'audio' | 'video'
  source: Source | null
  layer: number
  temporal: number
  paused: boolean
  packets: number
  bytes: number
  repeated: number
  fraction_lost: number
  freezes: number
}

export interface PeerFigures {
  peer: string
  role: 'presenter' | 'speaker' | 'participant'
  connected: boolean
  rtt_seconds: number | null
  estimate_bps: number | null
  received: TrackFigures[]
  sent: SectionFigures[]
}

export interface WireFigures { peers: PeerFigures[]; leftOut: number }

/** A participant's row: what it is sent, and how that arrives. */
export interface Listener {
  peer: string
  role: PeerFigures['role']
  connected: boolean
  bps: number
  rtt: number | null
  lost: number
  layer: number | null
  paused: boolean
  freezes: number
  estimate: number | null
}

export interface FiguresState {
  /** Figures are asked for; they come once a second. */
  on: boolean
  /** What the presenter and the speakers send. */
  tracks: (TrackFigures & { role: PeerFigures['role']; peer: string })[]
  listeners: Listener[]
  leftOut: number
  /** When they came, ms. */
  at: number | null
}

type Ask = (event: string, payload: object) => Promise<Record<string, unknown>>

const octets = (peer: PeerFigures) => peer.sent.reduce((sum, { bytes }) => sum + bytes, 0)

/** A lecture's media figures, for its owner, while somebody looks at them. */
export class Figures {
  readonly state = new Store<FiguresState>({ on: false, tracks: [], listeners: [], leftOut: 0, at: null })
  private before = new Map<string, number>()

  constructor(private readonly ask: Ask, private readonly now: () => number = () => Date.now()) {}

  async watch(on: boolean): Promise<void> {
    this.state.set({ on, ...(!on && { tracks: [], listeners: [], at: null }) })
    this.before.clear()
    await this.ask('stats', { on }).catch(() => undefined)
  }

  /** Another connection must ask again. */
  resume(): void {
    if (this.state.get().on) void this.ask('stats', { on: true }).catch(() => undefined)
  }

  came({ peers, leftOut }: WireFigures): void {
    if (!this.state.get().on) return
    const at = this.now()
    const seconds = Math.max(0.2, (at - (this.state.get().at ?? at - 1000)) / 1000)
    const listeners = peers.filter(({ sent }) => sent.length > 0).map((peer) => this.row(peer, seconds))
    this.before = new Map(peers.map((peer) => [peer.peer, octets(peer)]))
    this.state.set({
      at,
      leftOut,
      tracks: peers.flatMap(({ peer, role, received }) => received.map((track) => ({ ...track, peer, role }))),
      listeners,
    })
  }

  close(): void {
    this.state.set({ on: false })
  }

  private row(peer: PeerFigures, seconds: number): Listener {
    const video = peer.sent.filter(({ kind, source }) => kind === 'video' && source !== null)
    const before = this.before.get(peer.peer)
    return {
      peer: peer.peer,
      role: peer.role,
      connected: peer.connected,
      bps: before === undefined ? 0 : Math.max(0, (8 * (octets(peer) - before)) / seconds),
      rtt: peer.rtt_seconds,
      lost: Math.max(0, ...peer.sent.map(({ fraction_lost }) => fraction_lost)),
      layer: video[0]?.layer ?? null,
      paused: peer.sent.some(({ paused }) => paused),
      freezes: peer.sent.reduce((sum, { freezes }) => sum + freezes, 0),
      estimate: peer.estimate_bps,
    }
  }
}
