import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Participant } from '../../src/sdk/participant'
import { ANSWER, FakeConnections, FakeTransport, settle } from './fakes'

const refuse = (code: string, retryable = false) => ({ ok: false, error: { code, message: '', retryable } })

describe('Participant', () => {
  let transport: FakeTransport
  let connections: FakeConnections
  let participant: Participant
  const entrance = () => transport.at('/enter-room')
  const lecture = () => transport.at('/lecture')

  const make = (token = '') =>
    new Participant({ code: '123456', token: () => token, transport, connect: connections.connect })

  const enter = async (answer = ANSWER) => {
    participant.start()
    entrance().up('guest-sid')
    await settle()
    entrance().hear('serverAnswer', { ...answer, startTime: '2026-01-01T00:00:00Z', presenterPresent: true })
    entrance().last('studentOffer').ack?.({ ok: true })
    await settle()
    lecture().up('lecture-sid')
    connections.last.become('connected')
    await settle()
  }

  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('MediaStream', class { constructor(readonly tracks: unknown[]) {} })
    transport = new FakeTransport()
    connections = new FakeConnections()
    participant = make()
  })

  afterEach(() => {
    participant.close()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  it('offers three sections with their sources and three spare ones, and hears and sees each', async () => {
    await enter()
    const { payload } = entrance().last('studentOffer')
    expect(payload.sources).toEqual({ 0: 'microphone', 1: 'camera', 2: 'screen' })
    expect(connections.last.transceivers.map(({ direction }) => direction)).toEqual(Array(6).fill('recvonly'))
    expect(participant.floor.state.get().tiles.map(({ kind }) => kind)).toEqual(['audio', 'audio', 'video'])
    expect(Object.keys(participant.state.get().streams ?? {})).toEqual(['microphone', 'camera', 'screen'])
    expect(participant.state.get()).toMatchObject({ phase: 'live', media: 'connected', connection: 'online' })
  })

  it('offers more spare sections on the same connection when more speak, and labels them', async () => {
    await enter()
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const speakers = Array.from({ length: 4 }, (_, n) => ({
      id: `s${String(n)}`, name: `S${String(n)}`, sources: { microphone: true, camera: n < 3, screen: false }, muted: {},
    }))
    const pc = connections.last
    const offers = entrance().all('studentOffer').length
    lecture().hear('tracks', { speakers, seq: 90 })
    await vi.advanceTimersByTimeAsync(1)
    await settle()
    const again = entrance().all('studentOffer')
    expect(again).toHaveLength(offers + 1)
    expect(again.at(-1)?.payload).toMatchObject({ peerId: 'peer-1', sources: { 0: 'microphone' } })
    expect(connections.made.at(-1)).toBe(pc)
    expect(pc.transceivers).toHaveLength(3 + 4 + 3)
    expect(participant.state.get().media, 'what flows, flows on').toBe('connected')
    lecture().hear('bound', { sections: [{ mid: '9', id: 's2', source: 'camera' }], seq: 91 })
    const tile = participant.floor.state.get().tiles.find(({ mid }) => mid === '9')
    expect(tile).toMatchObject({ kind: 'video', owner: 's2', source: 'camera' })
    lecture().hear('layer', { sections: [{ mid: '9', layer: 0, temporal: 0, paused: true }], seq: 92 })
    expect(participant.floor.state.get().shown['9']).toMatchObject({ paused: true, short: false })
    entrance().hear('serverAnswer', { ...ANSWER })
    await settle()
    lecture().hear('tracks', { speakers, seq: 93 })
    await vi.advanceTimersByTimeAsync(2000)
    await settle()
    expect(entrance().all('studentOffer'), 'there are enough now').toHaveLength(offers + 1)
  })

  it('as a guest presents its entrance id to the lecture, and the same one after a reconnect', async () => {
    await enter()
    expect(entrance().auth()).toMatchObject({ accessToken: '', roomId: '123456' })
    expect(lecture().auth().accessToken).toBe('guest-sid')
    entrance().down()
    lecture().down()
    entrance().up('another-sid')
    expect(lecture().auth().accessToken).toBe('guest-sid')
  })

  it('with an account presents its token everywhere', async () => {
    participant.close()
    transport = new FakeTransport()
    participant = make('jwt')
    await enter()
    expect([entrance().auth().accessToken, lecture().auth().accessToken]).toEqual(['jwt', 'jwt'])
  })

  it('makes no new offer when only the socket was lost', async () => {
    await enter()
    entrance().down()
    lecture().down()
    expect(participant.state.get().connection).toBe('reconnecting')
    entrance().up('another-sid')
    lecture().up('another-lecture')
    await settle()
    expect(entrance().all('studentOffer')).toHaveLength(1)
    expect(participant.state.get().connection).toBe('online')
  })

  it('restarts ICE of the same peer when the media fail', async () => {
    await enter()
    connections.last.become('failed')
    await settle()
    expect(entrance().last('studentOffer').payload.peerId).toBe('peer-1')
    expect(connections.made).toHaveLength(1)
    expect(connections.last.offers.at(-1)).toEqual({ iceRestart: true })
    expect(participant.state.get().media).toBe('reconnecting')
    entrance().hear('serverAnswer', ANSWER)
    await settle()
    connections.last.become('connected')
    expect(participant.state.get().media).toBe('connected')
  })

  it('gives a short loss of media three seconds before it does anything', async () => {
    await enter()
    connections.last.become('disconnected')
    await vi.advanceTimersByTimeAsync(2900)
    expect(entrance().all('studentOffer')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(entrance().all('studentOffer')).toHaveLength(2)
  })

  it('makes a whole new offer when the restart is refused', async () => {
    await enter()
    connections.last.become('failed')
    await settle()
    entrance().last('studentOffer').ack?.(refuse('not_found'))
    await settle()
    expect(connections.made).toHaveLength(2)
    expect(entrance().last('studentOffer').payload.peerId).toBeUndefined()
  })

  it('offers anew, unasked, when its relay was replaced', async () => {
    await enter()
    connections.last.become('failed')
    lecture().hear('media_moved', {})
    await settle()
    expect(connections.made).toHaveLength(2)
    expect(connections.made[0]?.connectionState).toBe('closed')
    expect(entrance().last('studentOffer').payload.peerId).toBeUndefined()
  })

  it('goes on hearing the relay that ends until the next one is heard', async () => {
    await enter()
    const [old] = connections.made
    lecture().hear('media_moved', {})
    await settle()
    const next = connections.last
    const before = participant.state.get().streams?.microphone
    expect(connections.made).toHaveLength(2)
    expect(old?.connectionState).toBe('connected')
    expect(participant.state.get().media).toBe('connected')
    const track = Object.assign(new EventTarget(), { kind: 'audio', muted: true })
    next.transceivers.forEach((transceiver) => { transceiver.receiver.track = track })
    entrance().hear('serverAnswer', { ...ANSWER, peerId: 'peer-2' })
    await settle()
    next.become('connected')
    expect(old?.connectionState).toBe('connected') // nothing has come over the new one
    track.dispatchEvent(new Event('unmute'))
    expect(old?.connectionState).toBe('closed')
    expect(next.connectionState).toBe('connected')
    expect(participant.state.get().streams?.microphone).not.toBe(before)
  })

  it('leaves the old relay after a while where nobody speaks', async () => {
    await enter()
    lecture().hear('media_moved', {})
    await settle()
    const track = Object.assign(new EventTarget(), { kind: 'audio', muted: true })
    connections.last.transceivers.forEach((transceiver) => { transceiver.receiver.track = track })
    entrance().hear('serverAnswer', { ...ANSWER, peerId: 'peer-2' })
    await settle()
    connections.last.become('connected')
    await vi.advanceTimersByTimeAsync(1400)
    expect(connections.made[0]?.connectionState).toBe('connected')
    await vi.advanceTimersByTimeAsync(200)
    expect(connections.made[0]?.connectionState).toBe('closed')
  })

  it('asks again for the next relay while the old one carries on', async () => {
    await enter()
    lecture().hear('media_moved', {})
    await settle()
    entrance().last('studentOffer').ack?.(refuse('unavailable', true))
    await settle()
    await vi.advanceTimersByTimeAsync(5100)
    await settle()
    expect(connections.made.map((one) => one.connectionState)).toEqual(['connected', 'closed', 'new'])
  })

  it('stays where it is when another relay of the room ends', async () => {
    await enter({ ...ANSWER, peerId: 'secret.relay-1' })
    lecture().hear('media_moved', { relay: 'relay-2' })
    await settle()
    expect(connections.made).toHaveLength(1)
    lecture().hear('media_moved', { relay: 'relay-1' })
    await settle()
    expect(connections.made).toHaveLength(2)
  })

  it('comes back with its cursor, and shows what it missed once', async () => {
    await enter()
    const put = (id: string, seq: number) => ({ rev: seq, seq, hash: '', ops: [{ put: { id, type: 'line', version: 1, versionNonce: 1 } }] })
    lecture().hear('state', { role: 'guest', seq: 4, page: 0, board: { kind: 'elements', rev: 1, hash: '' } })
    expect(lecture().auth().cursor).toBeUndefined() // what it is to be shown has not come
    lecture().hear('drawn', put('a', 5))
    lecture().down()
    expect(lecture().auth()).toMatchObject({ elements: true, cursor: 5 })
    lecture().up('another')
    lecture().hear('state', { role: 'guest', seq: 5, resumed: true, page: 0, board: { kind: 'elements', rev: 7, hash: '' } })
    for (const event of [put('a', 5), put('b', 6), put('b', 6), put('c', 7)]) lecture().hear('drawn', event)
    await settle()
    expect(participant.board.get().elements?.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  it('asks for a snapshot when its board differs, and is healed by it', async () => {
    await enter()
    lecture().hear('state', { role: 'guest', seq: 4, page: 0 })
    lecture().hear('drawn', { rev: 1, seq: 5, hash: 'ffffffffffffffff', ops: [] })
    await vi.advanceTimersByTimeAsync(10)
    expect(lecture().all('snapshot')).toHaveLength(1)
    const elements = [{ id: 'a', type: 'line', version: 1, versionNonce: 0 }]
    lecture().hear('snapshot', { rev: 2, hash: '053ec20d1eccf062', page: 0, part: 0, parts: 1, elements })
    await vi.advanceTimersByTimeAsync(5000)
    expect(lecture().all('snapshot')).toHaveLength(1)
    expect(participant.board.get().elements).toHaveLength(1)
  })

  it('turns the page with everyone', async () => {
    await enter()
    lecture().hear('state', { role: 'guest', seq: 4, page: 0 })
    const on = (id: string, page: number) => ({ put: { id, type: 'line', version: 1, versionNonce: 1, page } })
    lecture().hear('drawn', { rev: 1, seq: 5, hash: '', ops: [on('a', 0), on('b', 1)] })
    lecture().hear('page', { page: 1, seq: 6 })
    await settle()
    expect(participant.board.get()).toMatchObject({ page: 1, elements: [{ id: 'b' }] })
  })

  it('waits for a lecture that has not started, and joins when it does', async () => {
    participant.start()
    entrance().up()
    await settle()
    entrance().last('studentOffer').ack?.(refuse('not_started', true))
    await settle()
    expect(participant.state.get().phase).toBe('waiting')
    await vi.advanceTimersByTimeAsync(6000)
    expect(entrance().all('studentOffer')).toHaveLength(2)
    entrance().hear('serverAnswer', ANSWER)
    await settle()
    expect(participant.state.get().phase).toBe('live')
  })

  it('does not try again what is refused for good', async () => {
    participant.start()
    entrance().up()
    await settle()
    entrance().last('studentOffer').ack?.(refuse('not_found'))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(participant.state.get()).toMatchObject({ phase: 'refused', error: { code: 'not_found' } })
    expect(entrance().all('studentOffer')).toHaveLength(1)
  })

  it('enters anew when the lecture has forgotten it', async () => {
    await enter()
    lecture().down()
    lecture().hear('connect_error', Object.assign(new Error('no'), { data: { code: 'not_joined', message: '' } }))
    await settle()
    expect(entrance().all('studentOffer')).toHaveLength(2)
    entrance().hear('serverAnswer', ANSWER)
    await settle()
    expect(lecture().tries).toBe(2)
  })

  it('connects again after a refusal that may pass', async () => {
    participant.start()
    entrance().hear('connect_error', Object.assign(new Error('no'), { data: { code: 'unavailable', message: '', retryable: true } }))
    await vi.advanceTimersByTimeAsync(600)
    expect(entrance().tries).toBe(2)
  })

  it('tells when the presenter goes and returns, and says goodbye at the end', async () => {
    await enter()
    lecture().hear('presenter_away', { deadline: '2026-01-01T00:05:00Z' })
    expect(participant.state.get()).toMatchObject({ presenterPresent: false, deadline: '2026-01-01T00:05:00Z' })
    lecture().hear('presenter_back', {})
    expect(participant.state.get()).toMatchObject({ presenterPresent: true, deadline: null })
    lecture().hear('ended', { reason: 'presenter' })
    expect(lecture().all('leave')).toHaveLength(1)
    expect(participant.state.get().phase).toBe('ended')
    expect(transport.closed).toBe(true)
  })

  it('sends candidates only after the offer, and keeps early ones of the server', async () => {
    participant.start()
    entrance().up()
    await settle()
    const names = entrance().sent.map(({ event }) => event)
    expect(names[0]).toBe('studentOffer')
    entrance().hear('serverCandidate', { candidate: { candidate: 'candidate:1', sdpMid: '0' } })
    expect(connections.last.candidates).toHaveLength(0)
    entrance().hear('serverAnswer', ANSWER)
    await settle()
    expect(connections.last.candidates).toHaveLength(1)
  })
})
