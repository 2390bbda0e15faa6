import { describe, expect, it } from 'vitest'
import { LecternError } from '../../src/sdk/errors'
import { ExportJob, fileName } from '../../src/sdk/replay/exports'
import type { Report } from '../../src/sdk/replay/exports'
import { captionsAt, currentChapter, timelineMarks } from '../../src/sdk/replay/words'

const FILE = new Blob(['x'])

function job() {
  const saved: string[] = []
  let now = 0
  const of = new ExportJob((_, name) => { saved.push(name) }, () => now)
  return { of, saved, wait: (ms: number) => { now += ms } }
}

describe('ExportJob', () => {
  it('says how far it is and how long it will take', async () => {
    const { of, saved, wait } = job()
    let report: Report = () => undefined
    let done: (file: Blob) => void = () => undefined
    const run = of.run('board.pdf', (tell) => {
      report = tell
      return new Promise((resolve) => { done = resolve })
    })
    expect(of.state.get()).toMatchObject({ state: 'running', percent: null, secondsLeft: null })
    wait(2000)
    report(1, 100)
    expect(of.state.get()).toMatchObject({ percent: 1, secondsLeft: null })
    report(25, 100)
    expect(of.state.get()).toMatchObject({ percent: 25, secondsLeft: 6 })
    report(5000, null)
    expect(of.state.get().percent).toBe(25)
    done(FILE)
    await run
    expect([of.state.get().state, saved]).toEqual(['done', ['board.pdf']])
  })

  it('is cancelled: nothing is saved, and the work hears of it', async () => {
    const { of, saved } = job()
    let heard: AbortSignal | undefined
    let done: (file: Blob) => void = () => undefined
    const run = of.run('a', (_, signal) => {
      heard = signal
      return new Promise((resolve) => { done = resolve })
    })
    of.cancel()
    done(FILE)
    await run
    expect([of.state.get().state, saved, heard?.aborted]).toEqual(['cancelled', [], true])
    await of.run('b', () => Promise.resolve(FILE))
    expect(saved).toEqual(['b'])
  })

  it('gives up the one before, and says what failed', async () => {
    const { of, saved } = job()
    let done: (file: Blob) => void = () => undefined
    const first = of.run('a', () => new Promise((resolve) => { done = resolve }))
    await of.run('b', () => Promise.reject(new LecternError('offline', '', true)))
    done(FILE)
    await first
    expect(saved).toEqual([])
    expect(of.state.get()).toMatchObject({ state: 'failed', name: 'b', error: { code: 'offline' } })
  })
})

describe('a file name', () => {
  it.each([
    ['Waves', 'Waves board.pdf'], ['../../etc/pass"wd', 'etcpasswd board.pdf'], ['파동 <1>', '파동 1 board.pdf'], ['///', 'lecture board.pdf'],
    ['x'.repeat(200), `${'x'.repeat(60)} board.pdf`],
  ])('of %s', (title, name) => { expect(fileName(title, 'board.pdf')).toBe(name) })
})

describe('words in time', () => {
  const question = (at: number, more: object = {}) => ({
    seq: at, at, questionId: '', content: `q${String(at)}`, name: '', anonymous: false, votes: 0, solvedAt: null, answer: null, erased: false, ...more,
  })

  it('are captions of the moment, two at most', () => {
    const captions = [0, 1000, 2000, 2500].map((start, number) => ({ number, start, end: start + 2000, text: String(number) }))
    const said = (t: number) => captionsAt(captions, t).map(({ number }) => number)
    expect([said(500), said(1500), said(2600), said(9000)]).toEqual([[0], [0, 1], [2, 3], []])
  })

  it('are marks: one for what lies in one place, none for pages and what was erased', () => {
    const chapters = [{ seq: 1, at: 0, page: null, title: 'one' }, { seq: 2, at: 50_000, page: 3, title: null }]
    const marks = timelineMarks([question(10_000), question(10_020), question(90_000, { erased: true })], chapters, 100_000)
    expect(marks).toEqual([
      { kind: 'chapter', at: 0, text: 'one', count: 1 }, { kind: 'question', at: 10_000, text: 'q10000', count: 2 },
    ])
    const many = Array.from({ length: 5000 }, (_, n) => question(n * 20))
    expect(timelineMarks(many, [], 100_000).length).toBeLessThanOrEqual(201)
  })

  it('are the chapter that had begun', () => {
    const chapters = [{ seq: 1, at: 10, page: null, title: 'one' }, { seq: 2, at: 20, page: 1, title: null }, { seq: 3, at: 30, page: null, title: 'two' }]
    expect([5, 25, 30].map((t) => currentChapter(chapters, t)?.title ?? null)).toEqual([null, 'one', 'two'])
  })
})
