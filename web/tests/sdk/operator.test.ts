import { expect, test } from 'vitest'
import { short } from '../../src/sdk/operator'

test.each([
  [0, '0'],
  [7, '7'],
  [12.34, '12.3'],
  [999.4, '999'],
  [999.6, '1.0 k'],
  [1234, '1.2 k'],
  [123_456_789, '123 M'],
  [2e15, '2000 T'],
])('%d is short as %s', (value, text) => {
  expect(short(value)).toBe(text)
})
