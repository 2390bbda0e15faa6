import { describe, expect, it } from 'vitest'
import { newId, readCode } from '../../src/sdk/ids'
import { toError } from '../../src/sdk/errors'
import { readQuestion } from '../../src/sdk/messages'
import { expiry } from '../../src/sdk/session'

describe('a code', () => {
  it.each([
    ['012345', '012345'], [' 012 345 ', '012345'], ['012-345', '012345'],
    ['https://lectern.example/join/012345', '012345'], ['https://lectern.example/join/012345?debug=1', '012345'],
  ])('is read from %s', (text, code) => { expect(readCode(text)).toBe(code) })

  it.each(['', '12345', '1234567', 'abcdef', '/join/1234567'])('is not seen in %j', (text) => {
    expect(readCode(text)).toBeNull()
  })
})

it('ids are long and differ', () => {
  expect(newId()).toMatch(/^[0-9a-f]{32}$/)
  expect(newId()).not.toBe(newId())
})

it('an error keeps its code, and an unknown one is internal', () => {
  expect(toError({ code: 'ended', message: 'over', retryable: false })).toMatchObject({ code: 'ended', retryable: false })
  expect(toError({ code: 'unavailable' }).retryable).toBe(true)
  expect(toError({ code: 'toString' }).code).toBe('internal')
  expect(toError(undefined).code).toBe('internal')
})

it('a question is read in both shapes', () => {
  expect(readQuestion(['1-0', ['content', 'Why?']])).toEqual({ id: '1-0', content: 'Why?', name: '' })
  expect(readQuestion({ questionId: '1-0', content: 'Why?', name: 'Ada' })).toEqual({ id: '1-0', content: 'Why?', name: 'Ada' })
})

it('a token tells when it expires; anything else has expired', () => {
  expect(expiry(`x.${btoa(JSON.stringify({ exp: 1000 }))}.y`)).toBe(1_000_000)
  expect(expiry('nonsense')).toBe(0)
  expect(expiry('a.b.c')).toBe(0)
})
