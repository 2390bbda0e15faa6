import { LecternError, toError } from './errors'
import { deviceProblem, openDevice } from './media/devices'
import type { DeviceProblem } from './media/devices'
import { withAudioRepair } from './media/sections'
import type { Source, Sources } from './messages'
import { NO_SOURCES } from './messages'
import { Store } from './store'

export type Ask = (event: string, payload: object) => Promise<Record<string, unknown>>
export type Open = (source: Source) => Promise<MediaStreamTrack>

export interface TurnState {
  /** What is sent: a muted microphone has its track, but is not on. */
  on: Sources
  error: LecternError | null
  /** Why a device cannot be had. */
  problem: DeviceProblem | null
}

const CONNECT_MS = 12_000
const RETRY_MS = 2000

/** An invited participant's own connection: what it sends to everyone, and turns on and off. */
export class Turn {
  readonly state = new Store<TurnState>({ on: NO_SOURCES, error: null, problem: null })
  private pc: RTCPeerConnection | null = null
  private peerId: string | undefined
  private readonly transceivers = new Map<Source, RTCRtpTransceiver>()
  private readonly tracks = new Map<Source, MediaStreamTrack>()
  private timer: ReturnType<typeof setTimeout> | undefined
  /** One thing at a time: an offer is answered before the next. */
  private queue: Promise<void> = Promise.resolve()

  constructor(
    private readonly ask: Ask,
    private readonly servers: () => RTCIceServer[] = () => [],
    private readonly connect = (configuration: RTCConfiguration) => new RTCPeerConnection(configuration),
    private readonly open: Open = (source) => openDevice(source),
  ) {}

  get isSending(): boolean {
    return this.pc !== null || this.tracks.size > 0
  }

  /** Sends a source, or stops it. Why it cannot be had is in the state. */
  turn(source: Source, on: boolean): Promise<void> {
    this.queue = this.queue.then(() => this.tried(() => (on ? this.begin(source) : this.cease(source))))
    return this.queue
  }

  /** Ends this participant's own turn. */
  async yield(): Promise<void> {
    this.close()
    await this.tried(() => this.ask('speak', {}))
  }

  close(): void {
    clearTimeout(this.timer)
    this.drop()
    for (const track of this.tracks.values()) {
      track.onended = null
      track.stop()
    }
    this.tracks.clear()
    this.state.set({ on: NO_SOURCES })
  }

  private async begin(source: Source): Promise<void> {
    const track = this.tracks.get(source) ?? await this.take(source)
    if (!track) return
    track.enabled = true
    this.tracks.set(source, track)
    track.onended = () => { void this.turn(source, false) }
    const transceiver = this.transceivers.get(source)
    try {
      if (this.pc && transceiver) {
        await transceiver.sender.replaceTrack(track)
        await this.ask('mute', { source, on: false })
      } else {
        await this.offer(source, track)
      }
    } catch (raw) {
      this.forget(source)
      throw raw
    }
    this.state.set({ on: { ...this.state.get().on, [source]: true } })
  }

  private async cease(source: Source): Promise<void> {
    const track = this.tracks.get(source)
    if (!track) return
    if (source === 'microphone') track.enabled = false
    else {
      await this.transceivers.get(source)?.sender.replaceTrack(null)
      this.forget(source)
    }
    this.state.set({ on: { ...this.state.get().on, [source]: false } })
    await this.ask('mute', { source, on: true })
  }

  private async take(source: Source): Promise<MediaStreamTrack | null> {
    try {
      const track = await this.open(source)
      this.state.set({ problem: null })
      return track
    } catch (raw) {
      this.state.set({ problem: deviceProblem(raw) })
      return null
    }
  }

  private forget(source: Source): void {
    const track = this.tracks.get(source)
    if (!track) return
    track.onended = null
    track.stop()
    this.tracks.delete(source)
  }

  /** Adds a section for a source to the connection, which is made if there is none. */
  private async offer(source: Source, track: MediaStreamTrack): Promise<void> {
    const pc = this.pc ?? this.make()
    this.transceivers.set(source, pc.addTransceiver(track, { direction: 'sendonly' }))
    try {
      await this.negotiate(pc)
    } catch (raw) {
      // Half an offer cannot be taken back: what was sent is sent by another connection.
      const others = [...this.tracks.keys()].filter((one) => one !== source)
      this.drop()
      if (others.length > 0) this.again(others)
      throw raw
    }
  }

  private make(): RTCPeerConnection {
    const pc = this.connect({ bundlePolicy: 'max-bundle', iceServers: this.servers() })
    this.pc = pc
    pc.onconnectionstatechange = () => {
      if (pc !== this.pc) return
      if (pc.connectionState === 'connected') clearTimeout(this.timer)
      else if (pc.connectionState === 'failed' || pc.connectionState === 'closed') this.again()
    }
    this.timer = setTimeout(() => { if (pc.connectionState !== 'connected') this.again() }, CONNECT_MS)
    return pc
  }

  private async negotiate(pc: RTCPeerConnection): Promise<void> {
    const made = await pc.createOffer()
    const sdp = withAudioRepair(made.sdp ?? '')
    await pc.setLocalDescription({ type: 'offer', sdp })
    const sources: Record<string, Source> = {}
    for (const [source, { mid }] of this.transceivers) if (mid !== null) sources[mid] = source
    const answer = await this.ask('speak', {
      SDP: { type: 'offer', sdp }, sources, ...(this.peerId !== undefined && { peerId: this.peerId }),
    })
    if (pc !== this.pc) throw new LecternError('offline', 'the connection was closed', true)
    await pc.setRemoteDescription(answer.SDP as RTCSessionDescriptionInit)
    if (typeof answer.peerId === 'string') this.peerId = answer.peerId
  }

  /** A connection that is lost for good is made anew while the invitation lasts. */
  private again(sources: Source[] = [...this.tracks.keys()]): void {
    clearTimeout(this.timer)
    this.drop()
    this.timer = setTimeout(() => {
      this.queue = this.queue.then(() => this.tried(() => this.resume(sources)))
    }, RETRY_MS)
  }

  private async resume(sources: Source[]): Promise<void> {
    const pc = this.make()
    for (const source of sources) {
      const track = this.tracks.get(source)
      if (track) this.transceivers.set(source, pc.addTransceiver(track, { direction: 'sendonly' }))
    }
    await this.negotiate(pc)
    const { on } = this.state.get()
    for (const source of sources) if (!on[source]) await this.ask('mute', { source, on: true })
  }

  private drop(): void {
    const { pc } = this
    this.pc = null
    this.peerId = undefined
    this.transceivers.clear()
    if (!pc) return
    pc.onconnectionstatechange = null
    pc.close()
  }

  private async tried(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      this.state.set({ error: null })
    } catch (raw) {
      if (!this.pc && this.tracks.size === 0) this.state.set({ on: NO_SOURCES })
      this.state.set({ error: toError(raw) })
    }
  }
}
