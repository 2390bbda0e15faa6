import { toError } from './errors'
import type { LecternError } from './errors'
import type { Source, Sources } from './messages'
import { Store } from './store'

export interface Hand { id: string; name: string }

export interface Speaker {
  id: string
  name: string
  sources: Sources
  /** Who holds each source muted: its owner, the presenter, or both. */
  muted: Partial<Record<Source, ('owner' | 'presenter')[]>>
}

export interface FloorState {
  /** The presenter sees them; for anybody else the list is empty. */
  hands: Hand[]
  speakers: Speaker[]
  /** A participant's own name among the speakers. */
  speakerId: string | null
  handUp: boolean
  /** Who is heard now: a speaker's id, `"presenter"`, or nobody. */
  speaking: string | null
  /** This participant's microphone is sent. */
  sending: boolean
  error: LecternError | null
  /** What the others send, to be played. */
  voices: MediaStream[]
  pictures: MediaStream[]
}

interface WireFloor {
  hands?: Hand[]
  speakers?: Speaker[]
  speakerId?: string
}

export type Ask = (event: string, payload: object) => Promise<Record<string, unknown>>
type Hear = <T>(event: string, listener: (payload: T) => void) => void

/** With the presenter's three these are the eight sections that an offer may have. */
export const SPARE_KINDS = ['audio', 'audio', 'audio', 'video', 'video'] as const
const CONNECT_MS = 12_000

/** Hands, invitations and a speaker's own connection: who speaks beside the presenter. */
export class Floor {
  readonly state = new Store<FloorState>({
    hands: [], speakers: [], speakerId: null, handUp: false, speaking: null,
    sending: false, error: null, voices: [], pictures: [],
  })
  private pc: RTCPeerConnection | null = null
  private local: MediaStream | null = null

  constructor(
    private readonly ask: Ask,
    private readonly servers: () => RTCIceServer[] = () => [],
    private readonly connect = (configuration: RTCConfiguration) => new RTCPeerConnection(configuration),
  ) {}

  listen(hear: Hear): void {
    hear<{ hands: Hand[] }>('hands', ({ hands }) => { this.state.set({ hands }) })
    hear<{ speakers: Speaker[] }>('tracks', ({ speakers }) => { this.changed(speakers) })
    hear<{ id: string | null }>('speaking', ({ id }) => { this.state.set({ speaking: id }) })
  }

  load(room: WireFloor): void {
    this.state.set({ hands: room.hands ?? [], speakerId: room.speakerId ?? null })
    this.changed(room.speakers ?? [])
  }

  /** The tracks of the spare sections. */
  received(tracks: MediaStreamTrack[]): void {
    const streams = (kind: string) => tracks.filter((track) => track.kind === kind).map((track) => new MediaStream([track]))
    this.state.set({ voices: streams('audio'), pictures: streams('video') })
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

  /** Sends this participant's microphone, if it is invited. */
  async speak(): Promise<void> {
    await this.tried(async () => {
      this.stop()
      const local = await navigator.mediaDevices.getUserMedia({ audio: true })
      this.local = local
      const pc = this.connect({ bundlePolicy: 'max-bundle', iceServers: this.servers() })
      this.pc = pc
      const mids: Record<string, Source> = {}
      const transceivers = local.getAudioTracks().map((track) => pc.addTransceiver(track, { direction: 'sendonly' }))
      await pc.setLocalDescription(await pc.createOffer())
      for (const { mid } of transceivers) if (mid !== null) mids[mid] = 'microphone'
      const answer = await this.ask('speak', {
        SDP: { type: 'offer', sdp: pc.localDescription?.sdp ?? '' }, sources: mids,
      })
      if (pc !== this.pc) return
      await pc.setRemoteDescription(answer.SDP as RTCSessionDescriptionInit)
      this.state.set({ sending: true })
      this.watch(pc)
    })
  }

  /** Ends this participant's own turn. */
  async yield(): Promise<void> {
    this.stop()
    await this.tried(() => this.ask('speak', {}))
  }

  close(): void {
    this.stop()
  }

  /** A connection that is lost for good is made anew while the invitation lasts. */
  private watch(pc: RTCPeerConnection): void {
    const check = () => {
      if (pc !== this.pc) return
      if (pc.connectionState === 'failed' || pc.connectionState === 'closed') void this.speak()
    }
    pc.onconnectionstatechange = check
    setTimeout(() => {
      if (pc === this.pc && pc.connectionState !== 'connected') void this.speak()
    }, CONNECT_MS)
  }

  private changed(speakers: Speaker[]): void {
    this.state.set({ speakers })
    if (this.isInvited) this.state.set({ handUp: false })
    else if (this.state.get().sending) this.stop()
  }

  private stop(): void {
    const { pc, local } = this
    this.pc = null
    this.local = null
    if (pc) pc.onconnectionstatechange = null
    pc?.close()
    for (const track of local?.getTracks() ?? []) track.stop()
    if (this.state.get().sending) this.state.set({ sending: false })
  }

  private async tried(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      this.state.set({ error: null })
    } catch (raw) {
      this.stop()
      this.state.set({ error: toError(raw) })
    }
  }
}
