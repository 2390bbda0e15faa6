import { describe, expect, it, vi } from 'vitest'
import type { RecordingFile } from '../../src/sdk/replay/archive'
import { ReplayClock } from '../../src/sdk/replay/clock'
import { PATIENCE_MS, Players, isActive, picturesAt, soundsOf } from '../../src/sdk/replay/players'
import type { Playable } from '../../src/sdk/replay/players'

const file = (name: string, more: Partial<RecordingFile> = {}): RecordingFile => ({
  name, kind: 'video', publisher: 'presenter', source: 'camera', codec: 'vp8', contentType: 'video/webm', bytes: 1,
  start: 0, end: 60_000, active: [[0, 60_000]], url: '', expires: '', ...more,
})

/** A media element of a browser, whose own clock runs `speed` times as fast as ours. */
class Media implements Playable {
  currentTime = 0
  playbackRate = 1
  paused = true
  ended = false
  seeking = false
  readyState = 4
  plays = 0

  constructor(private readonly speed = 1, private readonly refused: string | null = null) {}

  play(): Promise<void> {
    this.plays += 1
    if (this.refused) return Promise.reject(new DOMException('', this.refused))
    this.paused = false
    return Promise.resolve()
  }

  pause(): void {
    this.paused = true
  }

  run(ms: number): void {
    if (!this.paused && this.readyState >= 3) this.currentTime += (ms / 1000) * this.playbackRate * this.speed
  }
}

function stage(...players: [RecordingFile, Media][]) {
  const clock = new ReplayClock(60_000)
  const of = new Players(clock)
  for (const [one, element] of players) of.add({ file: one, element })
  let now = 1000
  const run = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 50) {
      now += 50
      for (const [, media] of players) media.run(50)
      of.tick(now)
      await Promise.resolve()
    }
  }
  return { clock, of, run, play: () => { clock.play(now) }, seek: (t: number) => { clock.seek(t, now); of.sought(now) }, at: () => clock.at(now) }
}

describe('the clock', () => {
  it('runs at its rate, stands at the end, and begins again', () => {
    const clock = new ReplayClock(10_000)
    clock.play(0)
    expect(clock.at(1000)).toBe(1000)
    clock.setRate(2, 1000)
    expect(clock.at(2000)).toBe(3000)
    clock.pause(2000)
    expect(clock.at(9000)).toBe(3000)
    clock.play(9000)
    expect([clock.at(60_000), clock.isOver(60_000)]).toEqual([10_000, true])
    clock.play(60_000)
    expect(clock.at(60_000)).toBe(0)
  })

  it('stands while it is held, and stays within the lecture', () => {
    const clock = new ReplayClock(10_000)
    clock.play(0)
    clock.hold(true, 1000)
    expect([clock.at(5000), clock.playing]).toEqual([1000, true])
    clock.hold(false, 5000)
    expect(clock.at(5500)).toBe(1500)
    clock.seek(-5, 5500)
    expect(clock.at(5500)).toBe(0)
    clock.seek(99_999, 5500)
    expect(clock.at(5500)).toBe(10_000)
  })
})

describe('sound and pictures', () => {
  const mix = file('mix', { kind: 'mix', source: 'microphone', publisher: 'all' })

  it('follow each other: the clock what is heard, pictures the clock', async () => {
    const [sound, picture] = [new Media(0.99), new Media(1.01)]
    const { run, play, at } = stage([mix, sound], [file('camera', { start: 2000 }), picture])
    play()
    await run(20_000)
    expect(Math.abs(at() - sound.currentTime * 1000)).toBeLessThan(60)
    expect(Math.abs(picture.currentTime + 2 - sound.currentTime)).toBeLessThan(0.1)
    expect(sound.currentTime).toBeCloseTo(20 * 0.99, 0)
  })

  it('go where the replay goes, at once', () => {
    const [sound, picture] = [new Media(), new Media()]
    const { seek } = stage([mix, sound], [file('camera', { start: 5000 }), picture])
    seek(30_000)
    expect([sound.currentTime, picture.currentTime]).toEqual([30, 25])
  })

  it('take its speed', async () => {
    const sound = new Media()
    const { clock, run, play, at } = stage([mix, sound])
    play()
    clock.setRate(1.5, 1000)
    await run(4000)
    expect(sound.playbackRate).toBe(1.5)
    expect(at() / 1000).toBeCloseTo(6, 0)
  })

  it('hold the clock while the sound is not there, and not for ever', async () => {
    const sound = new Media()
    sound.readyState = 1
    const { run, play, at, of } = stage([mix, sound])
    play()
    await run(PATIENCE_MS - 1000)
    expect(of.buffering).toBe(true)
    expect(at()).toBeLessThanOrEqual(50)
    await run(4000)
    expect(of.buffering).toBe(false)
    expect(at()).toBeGreaterThan(2000)
    sound.readyState = 4
    await run(3000)
    expect(Math.abs(at() - sound.currentTime * 1000)).toBeLessThan(100)
  })

  it('play only where their files are, and a lecture without any still has a clock', async () => {
    const picture = new Media()
    const { run, play, seek, at } = stage([file('camera', { start: 10_000, end: 20_000 }), picture])
    play()
    await run(5000)
    expect([picture.paused, Math.round(at() / 1000)]).toEqual([true, 5])
    seek(12_000)
    await run(1000)
    expect([picture.paused, Math.round(picture.currentTime)]).toEqual([false, 3])
    seek(25_000)
    await run(1000)
    expect([picture.paused, Math.round(at() / 1000)]).toEqual([true, 26])
  })

  it('say when the browser wants a gesture first', async () => {
    const refused = vi.fn()
    const { of, run, play } = stage([mix, new Media(1, 'NotAllowedError')])
    of.onRefused = refused
    play()
    await run(100)
    await Promise.resolve()
    expect(refused).toHaveBeenCalled()
    const other = stage([mix, new Media(1, 'AbortError')])
    other.of.onRefused = () => { throw new Error('an aborted play is no refusal') }
    other.play()
    await other.run(100)
  })
})

describe('what is heard and seen', () => {
  it('is the mix, or each sound where there is none', () => {
    const [mix, audio] = [file('mix', { kind: 'mix' }), file('a', { kind: 'audio' })]
    expect(soundsOf([audio, mix, file('v')])).toEqual([mix])
    expect(soundsOf([audio, file('v')])).toEqual([audio])
  })

  it('is a screen before a face, and nothing while a camera is off', () => {
    const camera = file('camera', { active: [[0, 10_000], [20_000, 60_000]] })
    const screen = file('screen', { source: 'screen', active: [[5_000, 30_000]] })
    const speaker = file('speaker', { publisher: 'speaker-1', active: [[0, 60_000]] })
    const names = (t: number, soon = 0) => picturesAt([speaker, camera, screen], t, soon).map(({ name }) => name)
    expect(names(6_000)).toEqual(['screen', 'camera', 'speaker'])
    expect(names(12_000)).toEqual(['screen', 'speaker'])
    expect(names(12_000, 10_000)).toEqual(['screen', 'camera', 'speaker'])
    expect(isActive(camera, 10_000)).toBe(false)
  })
})
