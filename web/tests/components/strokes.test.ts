import { describe, expect, it } from 'vitest'
import { finished } from '../../src/components/board/strokes'

describe('finished', () => {
  it('marks a stroke as finished at its last point', () => {
    const stroke = { type: 'freedraw', points: [[0, 0], [4, 5]], lastCommittedPoint: null }
    expect(finished([stroke])).toEqual([{ ...stroke, lastCommittedPoint: [4, 5] }])
  })

  it('leaves an empty stroke unfinished, and other elements as they are', () => {
    const empty = { type: 'freedraw', points: [], lastCommittedPoint: null }
    const line = { type: 'line', points: [[0, 0]], lastCommittedPoint: null }
    expect(finished([empty, line])).toEqual([empty, line])
  })
})
