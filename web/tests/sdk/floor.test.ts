import { describe, expect, it, vi } from 'vitest'
import { Floor } from '../../src/sdk/floor'
import type { Speaker } from '../../src/sdk/floor'
import type { SpareSection } from '../../src/sdk/media/sections'
import { LecternError } from '../../src/sdk/errors'

const SAM: Speaker = {
  id: 'sam', name: 'Sam', sources: { microphone: true, camera: false, screen: false }, muted: {},
}

function make(refusal?: LecternError) {
  const asked: [string, object][] = []
  const listeners = new Map<string, (payload: never) => void>()
  const floor = new Floor((event, payload) => {
    asked.push([event, payload])
    return refusal ? Promise.reject(refusal) : Promise.resolve({})
  })
  floor.listen((event, listener) => { listeners.set(event, listener as (payload: never) => void) })
  const hear = (event: string, payload: object) => { listeners.get(event)?.(payload as never) }
  return { floor, asked, hear }
}

describe('Floor', () => {
  it('knows from the room whether this participant was invited', () => {
    const { floor, hear } = make()
    floor.load({ speakerId: 'sam', speakers: [] })
    expect(floor.isInvited).toBe(false)
    hear('tracks', { speakers: [SAM] })
    expect(floor.isInvited).toBe(true)
    hear('tracks', { speakers: [] })
    expect(floor.isInvited).toBe(false)
  })

  it('raises a hand, which an invitation takes down', async () => {
    const { floor, asked, hear } = make()
    floor.load({ speakerId: 'sam' })
    await floor.hand(true)
    expect(asked).toEqual([['hand', { up: true }]])
    expect(floor.state.get().handUp).toBe(true)
    hear('tracks', { speakers: [SAM] })
    expect(floor.state.get().handUp).toBe(false)
  })

  it('says why a hand was refused, and leaves it down', async () => {
    const { floor } = make(new LecternError('rate_limited', 'too many hands', true))
    await floor.hand(true)
    expect(floor.state.get()).toMatchObject({ handUp: false, error: { code: 'rate_limited' } })
  })

  it('tells the presenter whose hands are up, and invites by the name of the room', async () => {
    const { floor, asked, hear } = make()
    hear('hands', { hands: [{ id: 'sam', name: 'Sam' }] })
    expect(floor.state.get().hands).toHaveLength(1)
    await floor.invite('sam')
    await floor.mute('microphone', true, 'sam')
    await floor.uninvite('sam')
    expect(asked.map(([event]) => event)).toEqual(['invite', 'mute', 'uninvite'])
    expect(asked[1]?.[1]).toEqual({ source: 'microphone', on: true, speakerId: 'sam' })
  })

  it('follows who is heard', () => {
    const { floor, hear } = make()
    hear('speaking', { id: 'presenter' })
    expect(floor.state.get().speaking).toBe('presenter')
    hear('speaking', { id: null })
    expect(floor.state.get().speaking).toBeNull()
  })
})

describe('Sections of a new connection', () => {
  const sections = (name: string): SpareSection[] => (['audio', 'video'] as const).map((kind, index) => (
    { kind, track: { id: `${name}-${kind}` } as MediaStreamTrack, mid: () => String(index + 3) }
  ))
  const owners = (floor: Floor) => floor.state.get().tiles.map(({ owner }) => owner)

  function page() {
    vi.stubGlobal('MediaStream', class { constructor(readonly tracks: unknown[]) {} })
    const made = make()
    const first = sections('first')
    made.floor.received(first)
    made.floor.answered(first)
    made.hear('bound', { sections: [{ mid: '3', id: 'sam', source: 'microphone' }, { mid: '4', id: 'sam', source: 'camera' }] })
    expect(owners(made.floor)).toEqual(['sam', 'sam'])
    return made
  }

  it('have their names when the old one carried on until they came', () => {
    const { floor, hear } = page()
    const next = sections('next')
    floor.answered(next)
    hear('bound', { sections: [{ mid: '3', id: 'eve', source: 'microphone' }, { mid: '4', id: 'eve', source: 'camera' }] })
    hear('layer', { sections: [{ mid: '4', layer: 1, temporal: 2, paused: true }] })
    expect(owners(floor)).toEqual(['sam', 'sam'])
    expect(floor.state.get().shown).toEqual({})
    floor.received(next)
    expect(owners(floor)).toEqual(['eve', 'eve'])
    expect(floor.state.get().shown['4']).toMatchObject({ paused: true })
    hear('bound', { sections: [{ mid: '3', id: null, source: null }] })
    expect(owners(floor)).toEqual([null, 'eve'])
  })

  it('begin without names where the old one was gone already', () => {
    const { floor, hear } = page()
    const next = sections('next')
    floor.received(next)
    expect(owners(floor)).toEqual([null, null])
    hear('bound', { sections: [{ mid: '4', id: 'sam', source: 'camera' }] })
    floor.answered(next)
    expect(owners(floor)).toEqual([null, null])
    hear('bound', { sections: [{ mid: '3', id: 'eve', source: 'microphone' }] })
    expect(owners(floor)).toEqual(['eve', null])
  })

  it('that gave way to yet another are forgotten', () => {
    const { floor, hear } = page()
    floor.answered(sections('next'))
    hear('bound', { sections: [{ mid: '3', id: 'eve', source: 'microphone' }] })
    const last = sections('last')
    floor.answered(last)
    floor.received(last)
    expect(owners(floor)).toEqual([null, null])
  })
})
