import type { Namespace, SocketLike, Transport } from '../../src/sdk/signalling'

type Listener = (...args: never[]) => void
export type Ack = (answer: unknown) => void

export interface Emitted {
  event: string
  payload: Record<string, unknown>
  ack: Ack | undefined
}

/** One namespace of a server that the test plays. */
export class FakeSocket implements SocketLike {
  connected = false
  id: string | undefined
  readonly sent: Emitted[] = []
  /** How often the client asked for a connection. */
  tries = 0
  private readonly listeners = new Map<string, Listener[]>()

  constructor(
    readonly namespace: Namespace,
    readonly auth: () => Record<string, unknown>,
  ) {}

  on(event: string, listener: Listener): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener])
  }

  emit(event: string, ...args: unknown[]): void {
    const [payload, ack] = args as [Record<string, unknown>, Ack | undefined]
    this.sent.push({ event, payload, ack })
  }

  connect(): void {
    this.tries += 1
  }

  disconnect(): void {
    this.connected = false
  }

  /** The server lets it in. */
  up(id = 'sid-1'): void {
    this.connected = true
    this.id = id
    this.hear('connect')
  }

  /** The connection is lost. */
  down(reason = 'transport close'): void {
    this.connected = false
    this.hear('disconnect', reason)
  }

  /** The server says something. */
  hear(event: string, ...args: unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) (listener as (...all: unknown[]) => void)(...args)
  }

  all(event: string): Emitted[] {
    return this.sent.filter((one) => one.event === event)
  }

  last(event: string): Emitted {
    const found = this.all(event).at(-1)
    if (!found) throw new Error(`${event} was not sent`)
    return found
  }
}

export class FakeTransport implements Transport {
  readonly sockets = new Map<Namespace, FakeSocket>()
  closed = false

  socket(namespace: Namespace, auth: () => Record<string, unknown>): SocketLike {
    const socket = new FakeSocket(namespace, auth)
    this.sockets.set(namespace, socket)
    return socket
  }

  at(namespace: Namespace): FakeSocket {
    const socket = this.sockets.get(namespace)
    if (!socket) throw new Error(`${namespace} was not opened`)
    return socket
  }

  close(): void {
    this.closed = true
  }
}

interface FakeSender {
  track: MediaStreamTrack | null
  replaceTrack: (track: MediaStreamTrack | null) => Promise<void>
}

/** A peer connection without a network: the test moves its state. */
export class FakePeerConnection {
  connectionState: RTCPeerConnectionState = 'new'
  signalingState: RTCSignalingState = 'stable'
  remoteDescription: unknown = null
  onconnectionstatechange: (() => void) | null = null
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null
  readonly offers: { iceRestart?: boolean }[] = []
  readonly transceivers: { mid: string | null; sender: FakeSender; receiver: { track: object }; direction: string }[] = []
  readonly candidates: unknown[] = []
  stats = new Map<string, unknown>()

  constructor(public configuration: RTCConfiguration = {}) {}

  setConfiguration(configuration: RTCConfiguration) {
    this.configuration = configuration
  }

  getStats() {
    return Promise.resolve(this.stats)
  }

  addTransceiver(what: string | MediaStreamTrack, { direction }: { direction: string }) {
    const kind = typeof what === 'string' ? what : what.kind
    const sender: FakeSender = {
      track: typeof what === 'string' ? null : what,
      replaceTrack: (track) => {
        sender.track = track
        return Promise.resolve()
      },
    }
    const transceiver = { mid: null, sender, receiver: { track: { kind } }, direction }
    this.transceivers.push(transceiver)
    return transceiver
  }

  getTransceivers() {
    return this.transceivers
  }

  createOffer(options: { iceRestart?: boolean }) {
    this.offers.push(options)
    return Promise.resolve({ type: 'offer', sdp: `v=0 offer ${String(this.offers.length)}` })
  }

  setLocalDescription() {
    this.transceivers.forEach((transceiver, index) => { transceiver.mid = String(index) })
    this.signalingState = 'have-local-offer'
    return Promise.resolve()
  }

  setRemoteDescription(description: unknown) {
    this.remoteDescription = description
    this.signalingState = 'stable'
    return Promise.resolve()
  }

  addIceCandidate(candidate: unknown) {
    this.candidates.push(candidate)
    return Promise.resolve()
  }

  close() {
    this.connectionState = 'closed'
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.onconnectionstatechange?.()
  }
}

export class FakeConnections {
  readonly made: FakePeerConnection[] = []
  readonly connect = (configuration: RTCConfiguration = {}): RTCPeerConnection => {
    const connection = new FakePeerConnection(configuration)
    this.made.push(connection)
    return connection as unknown as RTCPeerConnection
  }

  get last(): FakePeerConnection {
    const last = this.made.at(-1)
    if (!last) throw new Error('no connection was made')
    return last
  }
}

/** Lets everything run that waits for no timer. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve()
}

/** The same where streams are at work too: they need turns of the event loop. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => { setImmediate(resolve) })
}

export const ANSWER = { SDP: { type: 'answer', sdp: 'v=0 answer' }, peerId: 'peer-1' }
