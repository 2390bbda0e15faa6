import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ElementBoard, digest, hex } from '../../src/sdk/board/elements'
import type { Drawn, Operation, SnapshotPart } from '../../src/sdk/board/elements'
import type { BoardElement } from '../../src/sdk/board/codec'

interface Vectors {
  elements: { id: string; version: number; versionNonce: number; digest: string }[]
  boards: { elements: number[]; hash: string }[]
}

const vectors = JSON.parse(
  readFileSync(resolve(__dirname, '../../../tests/vectors/board_hash.json'), 'utf8'),
) as Vectors
const element = (id: string, version = 1, versionNonce = 5, more: object = {}): BoardElement =>
  ({ id, type: 'line', version, versionNonce, ...more })
const hashOf = (...elements: BoardElement[]) => {
  const board = new ElementBoard()
  board.part({ rev: 1, hash: '', part: 0, parts: 1, elements })
  return board.hash
}

describe('the hash of an element board', () => {
  it.each(vectors.elements)('of $id, version $version', (vector) => {
    expect(hex(digest(vector))).toBe(vector.digest)
  })

  it.each(vectors.boards)('of the elements $elements', ({ elements, hash }) => {
    expect(hashOf(...elements.map((n) => ({ type: 'line', ...vectors.elements[n] }) as BoardElement))).toBe(hash)
  })
})

describe('ElementBoard', () => {
  const put = (...elements: BoardElement[]): Operation[] => elements.map((one) => ({ put: one }))
  const drawn = (rev: number, ops: Operation[], ...stands: BoardElement[]): Drawn => ({ rev, ops, hash: hashOf(...stands) })
  const part = (number: number, parts: number, elements: BoardElement[], hash: string, rev = 5): SnapshotPart =>
    ({ rev, hash, part: number, parts, elements })

  it('follows events, each once', () => {
    const board = new ElementBoard()
    const [a, b] = [element('a'), element('b', 2)]
    expect(board.drawn(drawn(1, put(a, b), a, b)).differs).toBe(false)
    expect(board.drawn(drawn(1, put(element('a', 9)), a)).change).toBeNull()
    const { change } = board.drawn(drawn(2, [{ del: 'a', version: 1 }, { del: 'b', version: 1 }], b))
    expect(change?.removed).toEqual([{ id: 'a', version: 1 }])
    expect(board.hash).toBe(hashOf(b))
    board.drawn(drawn(3, [{ clear: true }]))
    expect([board.elements.size, board.hash]).toEqual([0, '0000000000000000'])
  })

  it('keeps the higher version, and the lower nonce at equal ones', () => {
    const board = new ElementBoard()
    board.drawn({ rev: 1, hash: '', ops: put(element('a', 3, 5), element('a', 2, 1), element('a', 3, 6), element('a', 3, 4)) })
    expect(board.elements.get('a')).toMatchObject({ version: 3, versionNonce: 4 })
  })

  it('clears one page and leaves the others', () => {
    const board = new ElementBoard()
    board.drawn({ rev: 1, hash: '', ops: put(element('a'), element('b', 1, 1, { page: 2 })) })
    board.drawn({ rev: 2, hash: '', ops: [{ clear: true, page: 0 }] })
    expect(board.page(2).map(({ id }) => id)).toEqual(['b'])
    expect(board.page(0)).toEqual([])
  })

  it('notices that it differs, and is healed by a snapshot in parts', () => {
    const board = new ElementBoard()
    const [a, b, c] = [element('a'), element('b'), element('c')]
    expect(board.drawn(drawn(4, put(a), a, b)).differs).toBe(true)
    const hash = hashOf(b, c)
    expect(board.part(part(0, 2, [b], hash))).toBeNull()
    expect(board.drawn(drawn(6, put(element('d')), b, c, element('d'))).change).toBeNull() // waits for the end
    const done = board.part(part(1, 2, [c], hash))
    expect(done?.differs).toBe(false)
    expect(done?.change.removed.map(({ id }) => id)).toEqual(['a'])
    expect([...board.elements.keys()].sort()).toEqual(['b', 'c', 'd'])
    expect(board.rev).toBe(6)
  })

  it('notices that the server went back to an older board', () => {
    const board = new ElementBoard()
    const [a, b] = [element('a'), element('b')]
    board.part(part(0, 1, [a], hashOf(a)))
    expect(board.drawn(drawn(4, put(a), a)).differs).toBe(false) // before the snapshot
    board.drawn(drawn(6, put(b), a, b))
    board.drawn(drawn(7, put(element('c')), a, b, element('c')))
    expect(board.drawn(drawn(6, put(b), a, b)).differs).toBe(true)
    board.part(part(0, 1, [a, b], hashOf(a, b), 6))
    expect([board.rev, board.hash]).toEqual([6, hashOf(a, b)])
  })

  it('forgets a snapshot whose connection was lost', () => {
    const board = new ElementBoard()
    board.part(part(0, 2, [element('a')], ''))
    expect(board.abandon()).toBe(true)
    expect(board.part(part(1, 2, [element('b')], ''))).toBeNull()
    expect(board.drawn(drawn(9, put(element('c')), element('c'))).differs).toBe(false)
  })

  it('gives a page lowest first', () => {
    const board = new ElementBoard()
    board.drawn({ rev: 1, hash: '', ops: put(element('z', 1, 1, { index: 'a2' }), element('y', 1, 1, { index: 'a1' }), element('x', 1, 1, { index: 'a2' })) })
    expect(board.page(0).map(({ id }) => id)).toEqual(['y', 'x', 'z'])
  })
})
