import { LecternError, toError } from '../errors'
import type { ServerAnswer, Source } from '../messages'
import { Handover } from './handover'
import { encodingsOf, sendWatched } from './layers'
import type { WatchedTrack } from './layers'
import { addSpare, withAudioRepair } from './sections'
import type { Kind, SpareSection } from './sections'
import { isRelayOnly, relayUrl, urlsOf } from './turnservers'

export type PeerState = 'new' | 'connecting' | 'connected' | 'reconnecting' | 'closed'

export interface PeerOffer {
  SDP: { type: 'offer'; sdp: string }
  sources: Record<string, Source>
  peerId?: string
}

export interface PeerPort {
  /** Sends an offer; rejects with the server's refusal. The answer comes by `answer()`. */
  offer: (offer: PeerOffer) => Promise<unknown>
  candidate: (candidate: RTCIceCandidateInit) => void
  state: (state: PeerState) => void
}

export type Connect = (configuration: RTCConfiguration) => RTCPeerConnection

/** Sections beyond the presenter's three, for whoever else speaks; the server says whose they carry. */
export interface Spares {
  kinds: readonly Kind[]
  /** Hears of all of them, fresh ones after each new connection. */
  received: (sections: SpareSection[]) => void
  /** A new connection was answered: what the server says of sections is about its own from here on. */
  answered: (sections: SpareSection[]) => void
}

/** What the machine waits for, in ms. */
export interface PeerTimes {
  disconnected: number
  connecting: number
  retry: number
  /** For a way without TURN to be found, before the servers of the first answer are tried. */
  unaided: number
}

const TIMES: PeerTimes = { disconnected: 3000, connecting: 12_000, retry: 2500, unaided: 1500 }
const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen']

/**
 * One RTCPeerConnection with three sections (microphone, camera, screen) and its recovery: an ICE
 * restart of the same peer first, a whole new connection when that is refused or does not help.
 */
export class MediaPeer {
  private pc: RTCPeerConnection | null = null
  private peerId: string | undefined
  private restarting = false
  private offered = false
  private answered = false
  private closed = false
  private early: RTCIceCandidateInit[] = []
  private local: RTCIceCandidateInit[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private current: PeerState = 'new'
  private generation = 0
  private servers: RTCIceServer[] = []
  /** The TURN addresses that the last offer gathered with. */
  private gathered: string[] = []
  private readonly relayOnly = isRelayOnly()
  private readonly tracks = new Map<Source, MediaStreamTrack | null>()
  private spare: SpareSection[] = []
  /** Kinds of the spare sections that a new connection has from the start. */
  private spareKinds: Kind[] = []
  private growing = false
  private readonly handover = new Handover()

  /** `received` hears of each section's track, for a participant; a fresh one after a new connection. */
  constructor(
    private readonly direction: 'sendonly' | 'recvonly',
    private readonly port: PeerPort,
    private readonly received: (source: Source, track: MediaStreamTrack) => void = () => undefined,
    private readonly connect: Connect = (configuration) => new RTCPeerConnection(configuration),
    private readonly times: PeerTimes = TIMES,
    private readonly spares: Spares | null = null,
  ) {
    this.spareKinds = [...(spares?.kinds ?? [])]
    window.addEventListener('online', this.onOnline)
  }

  /** The TURN servers to use. */
  get iceServers(): RTCIceServer[] {
    return this.servers
  }

  /** The section that carries the presenter's `source`, once it was offered. */
  midOf(source: Source): string | null {
    return this.pc?.getTransceivers()[SOURCES.indexOf(source)]?.mid ?? null
  }

  /** How the relay knows this connection, once it was answered. */
  get id(): string | undefined {
    return this.peerId
  }

  get state(): PeerState {
    return this.current
  }

  stats(): Promise<RTCStatsReport> | null {
    return this.pc?.getStats() ?? null
  }

  /**
   * A new connection, because a relay is gone or ends: where this one works it carries on until the
   * new one does. `relay`, if given, concerns only the connections that are on it.
   */
  async move(relay?: string): Promise<void> {
    const [, own] = this.peerId?.split('.') ?? []
    if (relay !== undefined && own !== undefined && own !== relay) return
    if (!this.closed && this.pc && this.current === 'connected') {
      this.handover.begin(this.pc)
      this.pc = null
    }
    await this.start()
  }

  /** A new connection from nothing: the first, and the one after everything else failed. */
  async start(): Promise<void> {
    if (this.closed) return
    this.drop()
    this.handover.again()
    this.peerId = undefined
    const pc = this.connect(this.configuration())
    this.pc = pc
    this.listen(pc)
    const senders: Promise<void>[] = []
    for (const source of SOURCES) {
      const encodings = this.direction === 'sendonly' ? encodingsOf(source) : []
      const transceiver = pc.addTransceiver(source === 'microphone' ? 'audio' : 'video', {
        direction: this.direction,
        ...(encodings.length > 0 && { sendEncodings: encodings }),
      })
      const track = this.tracks.get(source)
      if (this.direction === 'recvonly') this.handover.deliver(() => { this.received(source, transceiver.receiver.track) })
      else if (track) senders.push(transceiver.sender.replaceTrack(track))
    }
    const spare = this.spareKinds.map((kind) => addSpare(pc, kind))
    this.spare = spare
    this.handover.deliver(() => { this.spares?.received(spare) })
    await Promise.all(senders)
    await this.negotiate(pc, false)
  }

  /** Same peer, new network path. Falls back to `start` when the server no longer knows the peer. */
  async restart(): Promise<void> {
    const pc = this.pc
    if (this.closed || this.restarting) return
    if (!pc || pc.connectionState === 'closed' || this.peerId === undefined) return this.start()
    this.restarting = true
    try {
      await this.negotiate(pc, true)
    } finally {
      this.restarting = false
    }
  }

  /** Has at least so many spare sections of each kind from now on: offers more, on the same connection. */
  async grow(wanted: Record<Kind, number>): Promise<void> {
    const has = (kind: Kind) => this.spareKinds.filter((one) => one === kind).length
    for (const kind of ['audio', 'video'] as const) {
      while (has(kind) < wanted[kind]) this.spareKinds.push(kind)
    }
    const { pc } = this
    const isReady = pc?.signalingState === 'stable' && this.answered && this.peerId !== undefined
    // A connection that is being made or mended now is looked at again when it is there.
    if (!pc || !isReady || this.restarting || this.growing || this.spare.length === this.spareKinds.length) return
    this.growing = true
    try {
      const added = this.spareKinds.slice(this.spare.length).map((kind) => addSpare(pc, kind))
      this.spare = [...this.spare, ...added]
      await this.extend(pc)
    } finally {
      this.growing = false
    }
  }

  /** Offers sections that were added. What flows, flows on, also when they are refused. */
  private async extend(pc: RTCPeerConnection): Promise<void> {
    const generation = this.generation
    try {
      const offer = await this.describe(pc, false)
      if (pc !== this.pc) return
      this.spares?.received(this.spare)
      await this.port.offer({
        SDP: { type: 'offer', sdp: offer },
        sources: this.mids(pc),
        ...(this.peerId !== undefined && { peerId: this.peerId }),
      })
    } catch {
      if (pc !== this.pc || generation !== this.generation) return
      if (pc.signalingState === 'have-local-offer') await pc.setLocalDescription({ type: 'rollback' }).catch(() => undefined)
    }
  }

  /** Sends what is watched, and always the smallest picture. */
  async watched(tracks: readonly WatchedTrack[]): Promise<void> {
    for (const { source, rids } of tracks) {
      const sender = this.pc?.getTransceivers()[SOURCES.indexOf(source)]?.sender
      // A connection that has just gone has nothing to send.
      if (sender) await sendWatched(sender, rids).catch(() => undefined)
    }
  }

  /** The connection to the server is back: whatever was not acknowledged is asked again. */
  signallingBack(): void {
    if (this.closed || (this.current === 'connected' && !this.handover.isOn)) return
    if (!this.offered || !this.answered) void this.start()
    else void this.restart()
  }

  /** What a section sends from now on; no renegotiation. `null` sends nothing. */
  async replace(source: Source, track: MediaStreamTrack | null): Promise<void> {
    this.tracks.set(source, track)
    const transceiver = this.pc?.getTransceivers()[SOURCES.indexOf(source)]
    await transceiver?.sender.replaceTrack(track)
  }

  async answer(answer: ServerAnswer): Promise<void> {
    const pc = this.pc
    if (!pc || pc.signalingState !== 'have-local-offer') return
    if (this.peerId === undefined) this.spares?.answered(this.spare)
    await pc.setRemoteDescription(answer.SDP)
    if (answer.peerId !== undefined) this.peerId = answer.peerId
    this.answered = true
    if (answer.iceServers) this.configure(answer.iceServers)
    const early = this.early
    this.early = []
    for (const candidate of early) await this.remoteCandidate(candidate)
    if (pc.connectionState === 'connected') this.enter('connected')
    else if (this.gathered.length === 0 && this.servers.length > 0) {
      this.watch(this.relayOnly ? 0 : this.times.unaided, () => { void this.restart() })
    } else this.watch(this.times.connecting, () => { void this.start() })
  }

  /** Other servers, or fresh credentials. Leaves a server that is not among them at once. */
  useServers(servers: RTCIceServer[]): void {
    const before = urlsOf(this.servers).join(' ')
    this.configure(servers)
    if (this.closed || before === urlsOf(servers).join(' ')) return
    if (this.current === 'reconnecting') void this.restart()
    else if (this.current === 'connected') void this.leaveLostServer()
  }

  private configure(servers: RTCIceServer[]): void {
    this.servers = servers
    if (this.pc && this.pc.connectionState !== 'closed') this.pc.setConfiguration(this.configuration())
  }

  private configuration(): RTCConfiguration {
    return {
      bundlePolicy: 'max-bundle',
      iceServers: this.servers,
      iceTransportPolicy: this.relayOnly ? 'relay' : 'all',
    }
  }

  /** The browser itself would notice only after seconds of silence. */
  private async leaveLostServer(): Promise<void> {
    const pc = this.pc
    const used = pc ? relayUrl(await pc.getStats()) : null
    if (used !== null && pc === this.pc && !urlsOf(this.servers).includes(used)) void this.restart()
  }

  async remoteCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (!this.pc?.remoteDescription) {
      if (this.early.length < 32) this.early.push(candidate)
      return
    }
    // A candidate that the browser does not like is no reason to stop: the answer holds enough.
    await this.pc.addIceCandidate(candidate).catch(() => undefined)
  }

  close(): void {
    this.closed = true
    window.removeEventListener('online', this.onOnline)
    this.drop()
    this.handover.close()
    this.enter('closed')
  }

  private readonly onOnline = (): void => {
    if (this.answered) void this.restart()
  }

  private async negotiate(pc: RTCPeerConnection, iceRestart: boolean): Promise<void> {
    const generation = ++this.generation
    this.offered = false
    this.local = []
    if (!this.handover.isOn) this.enter(this.current === 'new' || this.current === 'connecting' ? 'connecting' : 'reconnecting')
    try {
      this.gathered = urlsOf(this.servers)
      const sdp = await this.describe(pc, iceRestart)
      if (generation !== this.generation) return
      const sent = this.port.offer({
        SDP: { type: 'offer', sdp },
        sources: this.mids(pc),
        ...(iceRestart && this.peerId !== undefined ? { peerId: this.peerId } : {}),
      })
      this.offered = true
      for (const candidate of this.local.splice(0)) this.port.candidate(candidate)
      await sent
    } catch (raw) {
      if (generation === this.generation) this.recover(toError(raw), iceRestart)
    }
  }

  /** Makes an offer and begins with it; returns it. */
  private async describe(pc: RTCPeerConnection, iceRestart: boolean): Promise<string> {
    const offer = await pc.createOffer({ iceRestart })
    const sdp = withAudioRepair(offer.sdp ?? '')
    try {
      await pc.setLocalDescription({ type: 'offer', sdp })
      return sdp
    } catch {
      await pc.setLocalDescription(offer)
      return offer.sdp ?? ''
    }
  }

  private recover(error: LecternError, wasRestart: boolean): void {
    if (this.closed) return
    this.answered = this.answered && wasRestart
    if (wasRestart && !error.retryable) {
      void this.start()
      return
    }
    // A first offer's refusal for good is the owner's to tell; one without a connection waits for it.
    if (!error.retryable || error.code === 'offline') return
    // Spread out: a whole class waits for the same moment.
    const delay = this.times.retry * (1 + Math.random())
    this.watch(delay, () => { void (wasRestart ? this.restart() : this.start()) })
  }

  private mids(pc: RTCPeerConnection): Record<string, Source> {
    const mids: Record<string, Source> = {}
    pc.getTransceivers().forEach((transceiver, index) => {
      const source = SOURCES[index]
      if (source && transceiver.mid !== null) mids[transceiver.mid] = source
    })
    return mids
  }

  private listen(pc: RTCPeerConnection): void {
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate || candidate.candidate === '' || pc !== this.pc) return
      if (this.offered) this.port.candidate(candidate.toJSON())
      else this.local.push(candidate.toJSON())
    }
    pc.onconnectionstatechange = () => {
      if (pc === this.pc) this.changed(pc.connectionState)
    }
  }

  private changed(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      clearTimeout(this.timer)
      this.enter('connected')
      const first = this.direction === 'recvonly' ? this.pc?.getTransceivers()[0] : undefined
      this.handover.connected(first?.receiver.track ?? null)
      void this.grow({ audio: 0, video: 0 })
    } else if (state === 'disconnected') {
      this.enter('reconnecting')
      this.watch(this.times.disconnected, () => { void this.restart() })
    } else if (state === 'failed') {
      this.enter('reconnecting')
      void this.restart()
    }
  }

  private watch(ms: number, then: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(then, ms)
  }

  private enter(state: PeerState): void {
    if (this.current === state || this.current === 'closed') return
    this.current = state
    this.port.state(state)
  }

  private drop(): void {
    clearTimeout(this.timer)
    this.generation += 1
    this.offered = false
    this.answered = false
    this.restarting = false
    this.early = []
    this.local = []
    if (!this.pc) return
    this.pc.onicecandidate = null
    this.pc.onconnectionstatechange = null
    this.pc.close()
    this.pc = null
  }
}
