import { describe, expect, it, vi } from 'vitest'
import { LecternError } from '../../src/sdk/errors'
import { Turn } from '../../src/sdk/speaking'
import { FakeConnections } from './fakes'

function make(refuse: (event: string) => LecternError | null = () => null) {
  const asked: [string, Record<string, unknown>][] = []
  const connections = new FakeConnections()
  const tracks: { kind: string; enabled: boolean; stopped: boolean; onended: (() => void) | null; stop: () => void }[] = []
  const turn = new Turn(
    (event, payload) => {
      asked.push([event, payload as Record<string, unknown>])
      const refusal = refuse(event)
      return refusal ? Promise.reject(refusal) : Promise.resolve({ SDP: { type: 'answer', sdp: 'v=0' }, peerId: 'mine' })
    },
    () => [],
    connections.connect,
    (source) => {
      if (source === 'screen') return Promise.reject(new DOMException('no', 'NotAllowedError'))
      const track = { kind: source === 'microphone' ? 'audio' : 'video', enabled: true, stopped: false, onended: null, stop: () => { track.stopped = true } }
      tracks.push(track)
      return Promise.resolve(track as unknown as MediaStreamTrack)
    },
  )
  return { turn, asked, connections, tracks }
}

describe('Turn', () => {
  it('sends what the speaker chooses, each by a section of one connection', async () => {
    const { turn, asked, connections } = make()
    await turn.turn('microphone', true)
    await turn.turn('camera', true)
    expect(connections.made).toHaveLength(1)
    expect(asked.map(([event]) => event)).toEqual(['speak', 'speak'])
    expect(asked[0]?.[1]).toMatchObject({ sources: { 0: 'microphone' } })
    expect(asked[0]?.[1].peerId).toBeUndefined()
    expect(asked[1]?.[1]).toMatchObject({ sources: { 0: 'microphone', 1: 'camera' }, peerId: 'mine' })
    expect(turn.state.get().on).toEqual({ microphone: true, camera: true, screen: false })
  })

  it('turns a source off and on again without another offer', async () => {
    const { turn, asked, tracks, connections } = make()
    await turn.turn('camera', true)
    await turn.turn('camera', false)
    expect(tracks[0]?.stopped).toBe(true)
    expect(turn.state.get().on.camera).toBe(false)
    await turn.turn('camera', true)
    expect(asked.slice(1)).toEqual([['mute', { source: 'camera', on: true }], ['mute', { source: 'camera', on: false }]])
    expect(connections.last.transceivers).toHaveLength(1)
    await turn.turn('microphone', true)
    await turn.turn('microphone', false)
    expect(tracks.at(-1)).toMatchObject({ enabled: false, stopped: false })
  })

  it('says why a device cannot be had, and sends nothing', async () => {
    const { turn, asked } = make()
    await turn.turn('screen', true)
    expect(turn.state.get()).toMatchObject({ problem: 'denied', on: { screen: false } })
    expect(asked).toEqual([])
  })

  it('lets go of everything when it is refused or over', async () => {
    const refused = make((event) => (event === 'speak' ? new LecternError('forbidden', 'not invited') : null))
    await refused.turn.turn('microphone', true)
    expect(refused.turn.state.get()).toMatchObject({ error: { code: 'forbidden' }, on: { microphone: false } })
    expect(refused.tracks[0]?.stopped).toBe(true)
    expect(refused.turn.isSending).toBe(false)
    const { turn, tracks, connections, asked } = make()
    await turn.turn('microphone', true)
    await turn.yield()
    expect(tracks[0]?.stopped).toBe(true)
    expect(connections.last.connectionState).toBe('closed')
    expect(asked.at(-1)).toEqual(['speak', {}])
  })

  it('makes a lost connection anew with what was sent', async () => {
    vi.useFakeTimers()
    const { turn, asked, connections } = make()
    await turn.turn('microphone', true)
    await turn.turn('camera', true)
    connections.last.become('failed')
    await vi.advanceTimersByTimeAsync(2500)
    expect(connections.made).toHaveLength(2)
    expect(asked.at(-1)?.[1]).toMatchObject({ sources: { 0: 'microphone', 1: 'camera' } })
    turn.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(connections.made).toHaveLength(2)
    vi.useRealTimers()
  })
})
