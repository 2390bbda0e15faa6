import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BoardPublisher } from '../../src/sdk/board/publisher'
import type { BoardElement } from '../../src/sdk/board/codec'
import type { Operation } from '../../src/sdk/board/elements'
import { LecternError } from '../../src/sdk/errors'
import type { BoardContent } from '../../src/sdk/messages'

const VIEW = { zoom: 1, scrollX: 0, scrollY: 0, width: 800, height: 600 }
const element = (id: string, version = 1, more: object = {}): BoardElement =>
  ({ id, type: 'line', version, versionNonce: version, ...more })

describe('BoardPublisher', () => {
  let sent: { at: number; opId: string; ops: Operation[] }[]
  let views: BoardContent[]
  let refusals: LecternError[]
  let problems: (string | null)[]
  let publisher: BoardPublisher
  const versions = (at = -1) => sent.at(at)?.ops.map((op) => ('put' in op ? op.put.version : 0))

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 })
    sent = []
    views = []
    refusals = []
    problems = []
    publisher = new BoardPublisher(
      (opId, ops) => {
        sent.push({ at: Date.now(), opId, ops })
        const refusal = refusals.shift()
        return refusal ? Promise.reject(refusal) : Promise.resolve()
      },
      (view) => {
        views.push(view)
        return Promise.resolve()
      },
      () => Date.now(),
      (problem) => { problems.push(problem?.code ?? null) },
    )
  })

  afterEach(() => {
    publisher.close()
    vi.useRealTimers()
  })

  it('sends at most ten a second while drawing, and always the last state', async () => {
    for (let version = 1; version <= 60; version += 1) {
      publisher.changed([element('a', version)], VIEW)
      await vi.advanceTimersByTimeAsync(16)
    }
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent.length).toBeGreaterThanOrEqual(9)
    expect(sent.length).toBeLessThanOrEqual(11)
    const gaps = sent.slice(1).map((one, i) => one.at - (sent[i]?.at ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100)
    expect(versions()).toEqual([60])
  })

  it('sends what changed alone, and removals', async () => {
    publisher.changed([element('a'), element('b'), element('photo', 1, { type: 'image' })], VIEW)
    await vi.advanceTimersByTimeAsync(200)
    publisher.changed([element('a', 2, { isDeleted: true }), element('b'), element('new', 1, { isDeleted: true })], VIEW)
    await vi.advanceTimersByTimeAsync(200)
    expect(sent.map(({ ops }) => ops)).toEqual([
      [{ put: element('a') }, { put: element('b') }],
      [{ del: 'a', version: 2 }],
    ])
  })

  it('sends the view alone when only that moved, and nothing when nothing changed', async () => {
    publisher.changed([element('a')], VIEW)
    await vi.advanceTimersByTimeAsync(200)
    publisher.changed([element('a')], { ...VIEW, scrollX: 50 })
    await vi.advanceTimersByTimeAsync(200)
    publisher.changed([element('a')], { ...VIEW, scrollX: 50 })
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toHaveLength(1)
    expect(views.map(({ viewport, objects }) => [viewport[4], objects.byteLength])).toEqual([[0, 0], [50, 0]])
  })

  it('does not send back what the server has, or others drew', async () => {
    publisher.restored([element('a', 3)])
    publisher.heard({ puts: [element('b', 2)], removed: [] })
    publisher.changed([element('a', 3), element('b', 2)], VIEW)
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toEqual([])
  })

  it('sends a draw whose answer was lost again under the same id, then the newest state', async () => {
    refusals.push(new LecternError('unavailable', '', true))
    publisher.changed([element('a', 1)], VIEW)
    await vi.advanceTimersByTimeAsync(10)
    publisher.changed([element('a', 2)], VIEW)
    await vi.advanceTimersByTimeAsync(1500)
    expect(sent).toHaveLength(3)
    expect(sent[1]).toMatchObject({ opId: sent[0]?.opId, ops: sent[0]?.ops })
    expect(sent[2]?.opId).not.toBe(sent[0]?.opId)
    expect(versions()).toEqual([2])
    expect(problems[0]).toBe('unavailable')
    expect(problems.at(-1)).toBeNull()
  })

  it('does not hammer after a refusal for good, and goes on with the next change', async () => {
    refusals.push(new LecternError('too_large', ''))
    publisher.changed([element('a', 1)], VIEW)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent).toHaveLength(1)
    publisher.changed([element('a', 2)], VIEW)
    await vi.advanceTimersByTimeAsync(2000)
    expect(versions()).toEqual([2])
  })

  it('keeps an element over the limit to itself and says so', async () => {
    publisher.changed([element('a', 1, { text: 'x'.repeat(70_000) }), element('b')], VIEW)
    await vi.advanceTimersByTimeAsync(300)
    expect(sent.flatMap(({ ops }) => ops)).toEqual([{ put: element('b') }])
    expect(problems).toContain('board_too_large')
  })

  it('sends a big board in several draws', async () => {
    const many = Array.from({ length: 950 }, (_, n) => element(`e${String(n)}`))
    publisher.changed(many, VIEW)
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent.map(({ ops }) => ops.length)).toEqual([400, 400, 150])
    publisher.changed(many.map((one) => ({ ...one, version: 2, isDeleted: true })), VIEW)
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent.slice(3).map(({ ops }) => ops)).toEqual([[{ clear: true, page: 0 }]])
  })

  it('says on which page an element is, and clears no other', async () => {
    publisher.changed(Array.from({ length: 60 }, (_, n) => element(`e${String(n)}`)), VIEW)
    await vi.advanceTimersByTimeAsync(300)
    publisher.changed([element('a')], VIEW, 2)
    await vi.advanceTimersByTimeAsync(300)
    expect(sent.at(-1)?.ops).toEqual([{ put: element('a', 1, { page: 2 }) }])
    publisher.changed([element('a', 2, { isDeleted: true })], VIEW, 2)
    await vi.advanceTimersByTimeAsync(300)
    expect(sent.at(-1)?.ops).toEqual([{ del: 'a', version: 2 }])
  })

  it('leaves in order: the last state is sent before it goes', async () => {
    publisher.changed([element('a', 1)], VIEW)
    await vi.advanceTimersByTimeAsync(10)
    publisher.changed([element('a', 5)], VIEW)
    await publisher.flush()
    expect(versions()).toEqual([5])
  })

  it('sends the view again after a reconnect', async () => {
    publisher.changed([element('a')], VIEW)
    await vi.advanceTimersByTimeAsync(200)
    publisher.resend()
    await vi.advanceTimersByTimeAsync(200)
    expect([sent.length, views.length]).toEqual([1, 2])
  })
})
