import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Captions } from '../../src/sdk/captions'
import { LecternError } from '../../src/sdk/errors'

function make(refusal?: LecternError) {
  const asked: [string, Record<string, unknown>][] = []
  let heard: ((payload: never) => void) | undefined
  const captions = new Captions((event, payload) => {
    asked.push([event, payload as Record<string, unknown>])
    return refusal ? Promise.reject(refusal) : Promise.resolve({})
  })
  captions.listen((event, listener) => { if (event === 'caption') heard = listener as (payload: never) => void })
  const line = (captionId: string, text: string) => heard?.({ captionId, text } as never)
  return { captions, asked, line }
}

describe('Captions', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  it('shows two lines, each for as long as it takes to read', () => {
    const { captions, line } = make()
    line('1', 'one')
    line('2', 'x'.repeat(100))
    line('3', 'three')
    expect(captions.state.get().lines.map(({ id }) => id)).toEqual(['2', '3'])
    vi.advanceTimersByTime(2500)
    expect(captions.state.get().lines.map(({ id }) => id)).toEqual(['2'])
    vi.advanceTimersByTime(3500)
    expect(captions.state.get().lines).toEqual([])
  })

  it('says how long ago the typing of a line began', async () => {
    const { captions, asked } = make()
    captions.typing('G')
    vi.advanceTimersByTime(1500)
    captions.typing('Good morning')
    expect(await captions.say('Good morning')).toBe(true)
    captions.typing('x')
    captions.typing('')
    expect(await captions.say('later')).toBe(true)
    expect(asked.map(([event, { text, ago }]) => [event, text, ago])).toEqual([
      ['caption', 'Good morning', 1500], ['caption', 'later', 0],
    ])
    expect(asked[0]?.[1].clientCaptionId).not.toBe(asked[1]?.[1].clientCaptionId)
  })

  it('tells why a line was refused, until one is taken', async () => {
    const { captions } = make(new LecternError('rate_limited', 'too many', true))
    expect(await captions.say('x')).toBe(false)
    expect(captions.state.get().problem?.code).toBe('rate_limited')
    expect(await captions.chapter('One')).toBe(false)
  })

  it('leaves no timer behind', () => {
    const { captions, line } = make()
    line('1', 'one')
    captions.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
