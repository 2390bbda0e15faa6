import { describe, expect, it } from 'vitest'
import { Cursor } from '../../src/sdk/cursor'

describe('Cursor', () => {
  it('takes each event once', () => {
    const cursor = new Cursor()
    cursor.began({ seq: 4 })
    expect([5, 6, 6, 5, 7].map((seq) => cursor.accept({ seq }))).toEqual([true, true, false, false, true])
    expect(cursor.seq).toBe(7)
  })

  it('takes what comes with the state, under its number', () => {
    const cursor = new Cursor()
    cursor.began({ seq: 4 })
    expect(cursor.accept({ seq: 4 })).toBe(true)
    expect(cursor.accept({ seq: 5 })).toBe(true)
    expect(cursor.accept({ seq: 5 })).toBe(false)
  })

  it('goes on where it was when what it missed follows', () => {
    const cursor = new Cursor()
    cursor.began({ seq: 4 })
    cursor.accept({ seq: 5 })
    cursor.began({ seq: 5, resumed: true })
    expect([cursor.accept({ seq: 5 }), cursor.accept({ seq: 6 })]).toEqual([false, true])
  })

  it('begins anew with another room, also at a lower number', () => {
    const cursor = new Cursor()
    cursor.began({ seq: 40 })
    cursor.accept({ seq: 41 })
    cursor.began({ seq: 3, resumed: false })
    expect(cursor.accept({ seq: 4 })).toBe(true)
  })

  it('asks for everything again until the room has come whole', () => {
    const cursor = new Cursor()
    expect(cursor.seq).toBeNull()
    cursor.began({ seq: 4 })
    expect(cursor.seq).toBeNull()
    cursor.arrived()
    expect(cursor.seq).toBe(4)
  })

  it('takes what has no number', () => {
    const cursor = new Cursor()
    cursor.began({ seq: 4 })
    expect([undefined, null, {}, { seq: null }].every((event) => cursor.accept(event))).toBe(true)
  })
})
