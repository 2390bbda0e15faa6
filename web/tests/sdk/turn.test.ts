import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MediaPeer } from '../../src/sdk/media/peer'
import type { PeerOffer } from '../../src/sdk/media/peer'
import { Participant } from '../../src/sdk/participant'
import { ANSWER, FakeConnections, FakeTransport, settle } from './fakes'

const server = (host: string, credential = 'one'): RTCIceServer =>
  ({ urls: [`turn:${host}:3478?transport=udp`], username: '1700000000:x', credential })
const A = server('192.0.2.1')
const B = server('192.0.2.2')

const relayedBy = (url: string | null) => new Map<string, unknown>([
  ['T', { type: 'transport', selectedCandidatePairId: 'P' }],
  ['P', { type: 'candidate-pair', localCandidateId: 'L' }],
  ['L', url === null ? { type: 'local-candidate', candidateType: 'host' } : { type: 'local-candidate', candidateType: 'relay', url }],
])

describe('MediaPeer with TURN servers', () => {
  let offers: PeerOffer[]
  let connections: FakeConnections
  let peer: MediaPeer

  const make = () =>
    new MediaPeer(
      'recvonly',
      {
        offer: (offer) => {
          offers.push(offer)
          return Promise.resolve({})
        },
        candidate: () => undefined,
        state: () => undefined,
      },
      undefined,
      connections.connect,
    )

  const answered = async (iceServers?: RTCIceServer[]) => {
    await peer.answer({ ...ANSWER, SDP: { type: 'answer', sdp: 'v=0' }, ...(iceServers ? { iceServers } : {}) })
    await settle()
  }

  beforeEach(() => {
    vi.useFakeTimers()
    offers = []
    connections = new FakeConnections()
    peer = make()
  })

  afterEach(() => {
    peer.close()
    window.history.replaceState(null, '', '/')
    vi.useRealTimers()
  })

  it('takes the servers of its answer, and tries them soon when nothing else works', async () => {
    await peer.start()
    await answered([A])
    expect(connections.last.configuration.iceServers).toEqual([A])
    await vi.advanceTimersByTimeAsync(1499)
    expect(offers).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2)
    expect(connections.last.offers).toEqual([{ iceRestart: false }, { iceRestart: true }])
    expect(offers[1]?.peerId).toBe('peer-1')
  })

  it('does without them where media comes anyway', async () => {
    await peer.start()
    await answered([A])
    connections.last.become('connected')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(offers).toHaveLength(1)
  })

  it('without servers waits as it always did', async () => {
    await peer.start()
    await answered()
    await vi.advanceTimersByTimeAsync(11_900)
    expect(offers).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(connections.made).toHaveLength(2)
  })

  it('gives a new connection the servers that it knows', async () => {
    await peer.start()
    await answered([A])
    connections.last.become('connected')
    await peer.start()
    expect(connections.made).toHaveLength(2)
    expect(connections.last.configuration.iceServers).toEqual([A])
    await answered([A])
    await vi.advanceTimersByTimeAsync(5000)
    expect(offers, 'it has gathered with them: no restart').toHaveLength(2)
  })

  it('takes fresh credentials in place', async () => {
    await peer.start()
    await answered([A])
    connections.last.become('connected')
    connections.last.stats = relayedBy(A.urls[0] ?? '')
    peer.useServers([server('192.0.2.1', 'two')])
    await settle()
    expect(connections.last.configuration.iceServers).toEqual([server('192.0.2.1', 'two')])
    expect(offers).toHaveLength(1)
  })

  it('leaves a server that is gone at once', async () => {
    await peer.start()
    await answered([A, B])
    connections.last.become('connected')
    connections.last.stats = relayedBy(A.urls[0] ?? '')
    peer.useServers([B])
    await settle()
    expect(connections.last.offers.at(-1)).toEqual({ iceRestart: true })
    expect(offers).toHaveLength(2)
  })

  it('stays where it is while it uses another server, or none', async () => {
    await peer.start()
    await answered([A, B])
    connections.last.become('connected')
    for (const used of [B.urls[0] ?? '', null]) {
      connections.last.stats = relayedBy(used)
      peer.useServers([B])
      peer.useServers([A, B])
      await settle()
    }
    expect(offers).toHaveLength(1)
  })

  it('uses nothing but TURN when it is debugged that way', async () => {
    window.history.replaceState(null, '', '/join/123456?debug=1&relay=only')
    peer.close()
    peer = make()
    await peer.start()
    expect(connections.last.configuration.iceTransportPolicy).toBe('relay')
    await answered([A])
    await vi.advanceTimersByTimeAsync(1)
    expect(offers).toHaveLength(2)
  })

  it('ignores the switch without debug', async () => {
    window.history.replaceState(null, '', '/join/123456?relay=only')
    peer.close()
    peer = make()
    await peer.start()
    expect(connections.last.configuration.iceTransportPolicy).toBe('all')
  })
})

describe('Participant', () => {
  it('hears of servers at the entrance and in the lecture', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('MediaStream', class { constructor(readonly tracks: unknown[]) {} })
    const transport = new FakeTransport()
    const connections = new FakeConnections()
    const participant = new Participant({ code: '123456', token: () => '', transport, connect: connections.connect })
    participant.start()
    transport.at('/enter-room').up()
    await settle()
    transport.at('/enter-room').hear('serverAnswer', { ...ANSWER, iceServers: [A] })
    await settle()
    expect(connections.last.configuration.iceServers).toEqual([A])
    transport.at('/enter-room').hear('iceServers', { iceServers: [B] })
    expect(connections.last.configuration.iceServers).toEqual([B])
    transport.at('/lecture').hear('iceServers', { iceServers: [A, B] })
    expect(connections.last.configuration.iceServers).toEqual([A, B])
    participant.close()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })
})
