import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { gzipSync } from 'node:zlib'
import { Presenter } from '../../src/sdk/presenter'
import { ANSWER, FakeConnections, FakeTransport, turns } from './fakes'

const VIEW = { zoom: 1, scrollX: 0, scrollY: 0, width: 800, height: 600 }
const refuse = (code: string) => ({ ok: false, error: { code, message: '', retryable: false } })
const wait = (check: () => void) => vi.waitFor(check, { timeout: 2000, interval: 5 })

describe('Presenter', () => {
  let transport: FakeTransport
  let connections: FakeConnections
  let presenter: Presenter
  const room = () => transport.at('/create-room')
  const lecture = () => transport.at('/lecture')

  const state = (more: object = {}) => {
    lecture().hear('state', { role: 'presenter', epoch: 1, startTime: '2026-01-01T00:00:00Z', listeners: 3, questions: [], ...more })
  }

  const begin = async (before: () => void = () => undefined, more: object = {}) => {
    await presenter.start()
    room().up()
    await turns()
    before()
    room().hear('serverAnswer', { ...ANSWER, epoch: 1 })
    room().last('presenterOffer').ack?.({ ok: true })
    await turns()
    lecture().up()
    state(more)
    connections.last.become('connected')
    await turns()
  }

  beforeEach(() => {
    vi.stubGlobal('MediaStream', class { constructor(readonly tracks: unknown[]) {} })
    transport = new FakeTransport()
    connections = new FakeConnections()
    presenter = new Presenter({ code: '123456', token: () => 'jwt', transport, connect: connections.connect })
  })

  afterEach(() => {
    presenter.close()
    vi.unstubAllGlobals()
  })

  it('sends the offer and the first board back to back', async () => {
    await begin()
    expect(room().sent.slice(0, 2).map(({ event }) => event)).toEqual(['presenterOffer', 'whiteboardInit'])
    expect(room().last('presenterOffer').payload.sources).toEqual({ 0: 'microphone', 1: 'camera', 2: 'screen' })
    expect(connections.last.transceivers.map(({ direction }) => direction)).toEqual([...Array<string>(3).fill('sendonly'), ...Array<string>(3).fill('recvonly')])
    expect(presenter.state.get()).toMatchObject({ phase: 'live', connection: 'online', listeners: 3 })
  })

  it('changes what it sends without another offer', async () => {
    await begin()
    const track = { kind: 'video' } as MediaStreamTrack
    await presenter.setTrack('screen', track)
    expect(connections.last.transceivers[2]?.sender.track).toBe(track)
    presenter.setSources({ microphone: false, camera: false, screen: true })
    expect(lecture().last('sources').payload).toMatchObject({ roomId: '123456', screen: true })
    expect(room().all('presenterOffer')).toHaveLength(1)
  })

  it('takes the board of the room over before it draws on it', async () => {
    const element = { id: 'a', type: 'line', version: 4, versionNonce: 4 }
    const objects = new Uint8Array(gzipSync(JSON.stringify([element])))
    await begin(() => { room().hear('reconnectPresenter', { whiteboard: { objects }, questions: [['1-0', ['content', 'Why?']]] }) })
    await wait(() => { expect(presenter.state.get().restored?.decoded).toEqual({ kind: 'elements', elements: [element] }) })
    presenter.draw([element], VIEW)
    await wait(() => { expect(lecture().all('draw')).toHaveLength(1) })
  })

  it('takes over a board of elements only when all of it has come', async () => {
    const element = { id: 'a', type: 'line', version: 3, versionNonce: 1 }
    await begin(
      () => { room().hear('reconnectPresenter', { whiteboard: { objects: new ArrayBuffer(0), viewport: [2, 0, 0, 2, 0, 0], width: 800, height: 600 } }) },
      { seq: 9, page: 0, board: { kind: 'elements', rev: 4, hash: '' } },
    )
    lecture().hear('snapshot', { rev: 4, hash: '', part: 0, parts: 2, elements: [element] })
    expect(presenter.state.get().restored).toBeNull()
    lecture().hear('snapshot', { rev: 4, hash: '', part: 1, parts: 2, elements: [{ ...element, id: 'b' }] })
    expect(presenter.state.get().restored).toMatchObject({
      decoded: { kind: 'elements', elements: [{ id: 'a' }, { id: 'b' }] }, view: { zoom: 2 },
    })
    presenter.draw([element, { ...element, id: 'b' }], VIEW)
    await turns()
    expect(lecture().all('draw')).toHaveLength(0)
    expect(lecture().auth()).toMatchObject({ elements: true, cursor: 9 })
  })

  it('tells the editor what others drew, each once', async () => {
    await begin(undefined, { seq: 4 })
    const heard: unknown[] = []
    presenter.follow(({ puts }) => { heard.push(...puts.map(({ id }) => id)) })
    const event = { rev: 2, hash: '', seq: 5, ops: [{ put: { id: 'x', type: 'line', version: 1, versionNonce: 1 } }] }
    lecture().hear('drawn', event)
    lecture().hear('drawn', event)
    expect(heard).toEqual(['x'])
    expect(presenter.elements(0).map(({ id }) => id)).toEqual(['x'])
  })

  it('lists questions once each, and ticks one off when the server has it', async () => {
    await begin(undefined, { questions: [{ questionId: '1-0', content: 'Why?', name: 'Ada' }] })
    lecture().hear('asked', { questionId: '2-0', content: 'How?', name: 'Bo' })
    lecture().hear('asked', { questionId: '2-0', content: 'How?', name: 'Bo' })
    expect(presenter.questions.state.get().questions.map(({ id, name }) => [id, name])).toEqual([['1-0', 'Ada'], ['2-0', 'Bo']])
    void presenter.questions.solve('1-0')
    expect(presenter.questions.state.get().solving.has('1-0')).toBe(true)
    lecture().last('solved').ack?.({ ok: true })
    await turns()
    expect(presenter.questions.state.get()).toMatchObject({ questions: [{ id: '2-0' }], solvedCount: 1 })
  })

  it('tells a tick again that was lost with the connection', async () => {
    const questions = [{ questionId: '1-0', content: 'Why?' }]
    await begin(undefined, { questions })
    void presenter.questions.solve('1-0')
    lecture().down()
    await turns()
    lecture().up()
    state({ questions })
    await turns()
    expect(lecture().all('solved')).toHaveLength(2)
  })

  it('writes nothing until the slot is its own again', async () => {
    await begin()
    lecture().down()
    lecture().up()
    const before = lecture().sent.length
    state({ epoch: 0 })
    presenter.draw([{ id: 'a', type: 'line', version: 1, versionNonce: 1 }], VIEW)
    await turns()
    expect(lecture().sent).toHaveLength(before)
    lecture().hear('presenting', { epoch: 2 })
    await wait(() => { expect(lecture().all('draw').length).toBeGreaterThan(0) })
    expect(presenter.state.get().phase).toBe('live')
  })

  it('stops as soon as it hears that another window presents', async () => {
    await begin()
    lecture().hear('displaced', { epoch: 2, seq: 2 })
    expect(presenter.state.get().phase).toBe('displaced')
    expect(connections.last.connectionState).toBe('closed')
  })

  it('stops when another window presents, and does not take the slot back', async () => {
    await begin()
    presenter.setSources({ microphone: true, camera: false, screen: false })
    lecture().last('sources').ack?.(refuse('stale_presenter'))
    await turns()
    expect(presenter.state.get().phase).toBe('displaced')
    expect(connections.last.connectionState).toBe('closed')
  })

  it('asks whether the slot is still its own before a whole new offer', async () => {
    await begin()
    connections.last.become('failed')
    await turns()
    room().last('presenterOffer').ack?.(refuse('not_found'))
    await turns()
    expect(room().all('presenterOffer')).toHaveLength(2)
    lecture().last('sources').ack?.(refuse('stale_presenter'))
    await turns()
    expect(room().all('presenterOffer')).toHaveLength(2)
    expect(presenter.state.get().phase).toBe('displaced')
  })

  it('ends once the server says so', async () => {
    await begin()
    const ended = presenter.end()
    await turns()
    lecture().last('end').ack?.({ ok: true })
    await ended
    expect(presenter.state.get().phase).toBe('ended')
  })

  it('says why it may not present', async () => {
    await presenter.start()
    room().up()
    await turns()
    room().last('presenterOffer').ack?.(refuse('forbidden'))
    await turns()
    expect(presenter.state.get()).toMatchObject({ phase: 'refused', error: { code: 'forbidden' } })
  })
})
