import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BoardElement } from '../../src/sdk/board/codec'
import { ElementBoard } from '../../src/sdk/board/elements'
import type { Change, Operation } from '../../src/sdk/board/elements'
import { Pen } from '../../src/sdk/board/pen'

const element = (id: string, version = 1): BoardElement => ({ id, type: 'line', version, versionNonce: 1 })
const change = (...puts: BoardElement[]): Change => ({ puts, removed: [] })

describe('Pen', () => {
  let sent: Operation[][]
  let pen: Pen

  beforeEach(() => {
    vi.useFakeTimers()
    sent = []
    pen = new Pen((_, ops) => {
      sent.push(ops)
      return Promise.resolve()
    })
  })

  afterEach(() => {
    pen.close()
    vi.useRealTimers()
  })

  it('sends nothing until the presenter lets it, and nothing after', async () => {
    pen.draw([element('a')], 0)
    await vi.advanceTimersByTimeAsync(500)
    expect(sent).toEqual([])
    pen.rule({ mode: 'everyone', may: true })
    pen.draw([element('a')], 0)
    await vi.advanceTimersByTimeAsync(500)
    expect(sent).toEqual([[{ put: element('a') }]])
    pen.rule({ mode: 'presenter', may: false })
    pen.draw([element('b')], 0)
    await vi.advanceTimersByTimeAsync(500)
    expect(sent).toHaveLength(1)
  })

  it('does not send back what others drew, and tells of it', async () => {
    const heard: string[] = []
    const stop = pen.follow(({ puts }) => { heard.push(...puts.map(({ id }) => id)) })
    pen.rule({ mode: 'everyone', may: true })
    pen.changed(change(element('a')), false, new ElementBoard())
    pen.draw([element('a')], 0)
    await vi.advanceTimersByTimeAsync(500)
    stop()
    pen.changed(change(element('b')), false, new ElementBoard())
    expect([sent, heard]).toEqual([[], ['a']])
  })
})
