import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BoardPublisher } from '../../src/sdk/board/publisher'
import { MAX_OBJECTS_BYTES } from '../../src/sdk/board/codec'
import type { BoardElement } from '../../src/sdk/board/codec'
import { LecternError } from '../../src/sdk/errors'
import type { BoardContent } from '../../src/sdk/messages'

const VIEW = { zoom: 1, scrollX: 0, scrollY: 0, width: 800, height: 600 }
const drawn = (version: number): BoardElement[] => [{ id: 'a', type: 'line', version, versionNonce: version }]
const text = (json: string) => Promise.resolve(new TextEncoder().encode(json).buffer)
const read = (content: BoardContent | undefined) =>
  JSON.parse(new TextDecoder().decode(content?.objects)) as { version: number }[]

describe('BoardPublisher', () => {
  let sent: { at: number; content: BoardContent }[]
  let refusals: LecternError[]
  let problems: (string | null)[]
  let publisher: BoardPublisher

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 })
    sent = []
    refusals = []
    problems = []
    publisher = new BoardPublisher(
      (content) => {
        sent.push({ at: Date.now(), content })
        const refusal = refusals.shift()
        return refusal ? Promise.reject(refusal) : Promise.resolve()
      },
      () => Date.now(),
      (problem) => { problems.push(problem?.code ?? null) },
      text,
    )
  })

  afterEach(() => {
    publisher.close()
    vi.useRealTimers()
  })

  it('sends at most ten a second while drawing, and always the last state', async () => {
    for (let version = 1; version <= 60; version += 1) {
      publisher.changed(drawn(version), VIEW)
      await vi.advanceTimersByTimeAsync(16)
    }
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent.length).toBeGreaterThanOrEqual(9)
    expect(sent.length).toBeLessThanOrEqual(11)
    const gaps = sent.slice(1).map((one, i) => one.at - (sent[i]?.at ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100)
    expect(read(sent.at(-1)?.content)[0]?.version).toBe(60)
  })

  it('sends empty objects when only the view moved, and nothing when nothing changed', async () => {
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(200)
    publisher.changed(drawn(1), { ...VIEW, scrollX: 50 })
    await vi.advanceTimersByTimeAsync(200)
    publisher.changed(drawn(1), { ...VIEW, scrollX: 50 })
    await vi.advanceTimersByTimeAsync(200)
    expect(sent.map(({ content }) => content.objects.byteLength > 0)).toEqual([true, false])
    expect(sent[1]?.content.viewport[4]).toBe(50)
  })

  it('does not send back what the server has', async () => {
    publisher.known(drawn(3))
    publisher.changed(drawn(3), VIEW)
    await vi.advanceTimersByTimeAsync(200)
    expect(sent[0]?.content.objects.byteLength).toBe(0)
  })

  it('tries again after a refusal that may pass, with the newest state', async () => {
    refusals.push(new LecternError('unavailable', '', true))
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(10)
    publisher.changed(drawn(2), VIEW)
    await vi.advanceTimersByTimeAsync(1500)
    expect(sent).toHaveLength(2)
    expect(read(sent[1]?.content)[0]?.version).toBe(2)
    expect(problems).toEqual(['unavailable', null])
  })

  it('does not hammer after a refusal for good, and goes on with the next change', async () => {
    refusals.push(new LecternError('too_large', ''))
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent).toHaveLength(1)
    publisher.changed(drawn(2), VIEW)
    await vi.advanceTimersByTimeAsync(2000)
    expect(sent).toHaveLength(2)
  })

  it('sends everything again after a reconnect', async () => {
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(200)
    publisher.resend()
    await vi.advanceTimersByTimeAsync(200)
    expect(sent.map(({ content }) => content.objects.byteLength > 0)).toEqual([true, true])
  })

  it('keeps a board over the limit to itself and says so', async () => {
    publisher.close()
    publisher = new BoardPublisher(
      () => Promise.reject(new Error('must not be sent')),
      () => 0,
      (problem) => { problems.push(problem?.code ?? null) },
      () => Promise.resolve(new ArrayBuffer(MAX_OBJECTS_BYTES + 1)),
    )
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(200)
    expect(problems).toEqual(['board_too_large'])
  })

  it('sends a big board less often', async () => {
    publisher.close()
    publisher = new BoardPublisher(
      (content) => {
        sent.push({ at: Date.now(), content })
        return Promise.resolve()
      },
      () => 0,
      undefined,
      () => Promise.resolve(new ArrayBuffer(512 * 1024)),
    )
    publisher.changed(drawn(1), VIEW)
    await vi.advanceTimersByTimeAsync(50)
    publisher.changed(drawn(2), VIEW)
    await vi.advanceTimersByTimeAsync(800)
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(400)
    expect(sent).toHaveLength(2)
  })
})
