import { describe, expect, it } from 'vitest'
import { LecternError } from '../../src/sdk/errors'
import { Recording } from '../../src/sdk/recording'
import type { WireRecording } from '../../src/sdk/recording'

const ON: WireRecording = { state: 'on', since: '2026-11-21T09:00:00.000Z', reason: null }

function make(refusal?: LecternError) {
  const asked: [string, object][] = []
  let heard: ((payload: never) => void) | undefined
  const recording = new Recording((event, payload) => {
    asked.push([event, payload])
    return refusal ? Promise.reject(refusal) : Promise.resolve({})
  })
  recording.listen((event, listener) => { if (event === 'recording') heard = listener as (payload: never) => void })
  return { recording, asked, hear: (now: WireRecording) => heard?.(now as never) }
}

describe('Recording', () => {
  it('is known to those who join later, and to those who are there', () => {
    const { recording, hear } = make()
    recording.load({ recording: ON })
    expect(recording.state.get().state).toBe('on')
    hear({ state: 'failed', since: ON.since, reason: 'disk_full' })
    expect(recording.state.get()).toMatchObject({ state: 'failed', reason: 'disk_full' })
    hear({ state: 'off', since: null, reason: null })
    expect(recording.state.get().state).toBe('off')
  })

  it('asks for a change and says why it was refused', async () => {
    const { recording, asked } = make(new LecternError('forbidden', 'this server records no lectures'))
    await recording.switch(true)
    expect(asked).toEqual([['record', { on: true }]])
    expect(recording.state.get()).toMatchObject({ state: 'off', busy: false, error: { code: 'forbidden' } })
  })

  it('shows its notice again for a recording that begins anew, and not for one that recovers', () => {
    const { recording, hear } = make()
    hear(ON)
    recording.understood()
    hear({ ...ON, state: 'failed', reason: 'write_failed' })
    hear(ON)
    expect(recording.state.get().noticed).toBe(true)
    hear({ state: 'off', since: null, reason: null })
    hear({ ...ON, since: '2026-11-21T09:30:00.000Z' })
    expect(recording.state.get().noticed).toBe(false)
  })
})
