import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BoardElement } from '../../src/sdk/board/codec'
import { LecternError } from '../../src/sdk/errors'
import type { BoardAt, BoardChange, Page } from '../../src/sdk/replay/archive'
import { Boards } from '../../src/sdk/replay/boards'
import { BoardFold, hashOf } from '../../src/sdk/replay/fold'

interface Vectors {
  elements: { id: string; version: number; versionNonce: number; digest: string }[]
  boards: { elements: number[]; hash: string }[]
}

const vectors = JSON.parse(
  readFileSync(resolve(__dirname, '../../../tests/vectors/board_hash.json'), 'utf8'),
) as Vectors
const element = (id: string, version = 1, more: object = {}): BoardElement => ({ id, type: 'line', version, versionNonce: version * 7, ...more })
const WHOLE: BoardAt = { seq: 0, at: 0, kind: 'whole', hash: '', page: 0, elements: [], view: null, objects: null }

describe('the fold', () => {
  it.each(vectors.boards)('has the hash of the shared vectors for the elements $elements', ({ elements, hash }) => {
    const put = elements.map((n) => ({ put: { type: 'line', ...vectors.elements[n] } as unknown as BoardElement }))
    const fold = BoardFold.of(WHOLE)
    fold.apply({ seq: 1, at: 1, kind: 'drawn', rev: 1, hash, ops: put })
    expect([fold.hash, fold.differsAt]).toEqual([hash, null])
    expect(hashOf(fold.elements.values())).toBe(hash)
  })

  it('does what took effect, whatever the versions say', () => {
    const fold = BoardFold.of(WHOLE)
    fold.apply({ seq: 1, at: 1, kind: 'drawn', rev: 1, hash: '', ops: [{ put: element('a', 9) }, { put: element('a', 3) }, { put: element('b', 1, { page: 2 }) }] })
    expect(fold.elements.get('a')?.version).toBe(3)
    fold.apply({ seq: 2, at: 2, kind: 'page', page: 2 })
    expect(fold.shown().map(({ id }) => id)).toEqual(['b'])
    expect(fold.pages()).toEqual([0, 2])
    fold.apply({ seq: 3, at: 3, kind: 'drawn', rev: 3, hash: '', ops: [{ clear: true, page: 2 }] })
    expect([...fold.elements.keys()]).toEqual(['a'])
  })

  it('is replaced by a whole board, and replaces one', () => {
    const fold = BoardFold.of({ ...WHOLE, kind: 'elements', elements: [element('a')] })
    const view = { viewport: [1, 0, 0, 1, 0, 0], eventTime: 0, width: 10, height: 10 }
    fold.apply({ seq: 1, at: 1, kind: 'board', objects: null, ...view })
    expect([fold.kind, fold.elements.size, fold.view]).toEqual(['elements', 1, view])
    fold.apply({ seq: 2, at: 2, kind: 'board', objects: 'H4sI', ...view })
    expect([fold.kind, fold.elements.size, fold.objects, fold.hash]).toEqual(['whole', 0, 'H4sI', ''])
    fold.apply({ seq: 3, at: 3, kind: 'drawn', rev: 3, hash: hashOf([element('c')]), ops: [{ put: element('c') }] })
    expect([fold.kind, fold.objects, fold.differsAt]).toEqual(['elements', null, null])
  })

  it('says where it is not the live board any more', () => {
    const fold = BoardFold.of(WHOLE)
    fold.apply({ seq: 4, at: 1, kind: 'drawn', rev: 1, hash: '1234567812345678', ops: [{ put: element('a') }] })
    expect(fold.differsAt).toBe(4)
  })

  it('is not changed by changes of its copy', () => {
    const fold = BoardFold.of({ ...WHOLE, kind: 'elements', elements: [element('a')] })
    const copy = fold.copy()
    copy.apply({ seq: 1, at: 1, kind: 'drawn', rev: 1, hash: '', ops: [{ del: 'a', version: 1 }] })
    expect([fold.elements.size, copy.elements.size, fold.hash === copy.hash]).toEqual([1, 0, false])
  })
})

/** A lecture of `count` changes, one each 100 ms, as the server has it. */
class Server {
  readonly changes: BoardChange[] = []
  asked: string[] = []
  fails = 0
  pageSize = 500

  constructor(count: number) {
    const board = BoardFold.of(WHOLE)
    for (let n = 1; n <= count; n += 1) {
      const ops = n % 3 === 0 ? [{ del: `e${String(n - 2)}`, version: 9 }] : [{ put: element(`e${String(n % 50)}`, n) }]
      const change: BoardChange = { seq: n * 2, at: n * 100, kind: 'drawn', rev: n, hash: '', ops }
      board.apply(change)
      this.changes.push({ ...change, hash: board.hash })
    }
  }

  truth(t: number): BoardFold {
    const board = BoardFold.of(WHOLE)
    for (const change of this.changes) if (change.at <= t) board.apply(change)
    return board
  }

  async boardAt(t: number, signal?: AbortSignal): Promise<BoardAt> {
    this.asked.push(`at ${String(t)}`)
    await Promise.resolve()
    this.check(signal)
    const board = this.truth(t)
    return { ...WHOLE, seq: board.seq, at: board.at, kind: board.kind, hash: board.hash, elements: [...board.elements.values()] }
  }

  async changesAfter(after: number, signal?: AbortSignal): Promise<Page<BoardChange>> {
    this.asked.push(`after ${String(after)}`)
    await Promise.resolve()
    this.check(signal)
    const rest = this.changes.filter(({ seq }) => seq > after)
    const items = rest.slice(0, this.pageSize)
    return { items, next: rest.length > items.length ? (items.at(-1)?.seq ?? null) : null }
  }

  private check(signal?: AbortSignal): void {
    if (signal?.aborted) throw new DOMException('', 'AbortError')
    if (this.fails > 0) {
      this.fails -= 1
      throw new LecternError('unavailable', '', true)
    }
  }
}

function opened(server: Server) {
  let now = 0
  const source = { boardAt: server.boardAt.bind(server), changes: server.changesAfter.bind(server) }
  const boards = new Boards(source, () => undefined, () => now)
  return { boards, wait: (ms: number) => { now += ms } }
}
const settled = async () => { for (let n = 0; n < 30; n += 1) await Promise.resolve() }

describe('Boards', () => {
  it('has the live hash at every moment, by whatever way it gets there', async () => {
    const server = new Server(3000)
    const { boards } = opened(server)
    let seed = 7
    for (let n = 0; n < 80; n += 1) {
      seed = (seed * 48271) % 2147483647
      const t = seed % 305_000
      await boards.seek(t)
      expect(boards.board?.hash).toBe(server.truth(t).hash)
      for (const later of [t + 90, t + 450]) boards.advance(later)
      await settled()
      boards.advance(t + 450)
      expect(boards.board?.hash).toBe(server.truth(t + 450).hash)
    }
    // 3,000 changes are six pages; a jump to what is loaded asks for nothing.
    const before = server.asked.length
    await boards.seek(boards.board?.at ?? 0)
    expect(server.asked.length).toBe(before)
  })

  it('jumps by one request, and does not play from the beginning', async () => {
    const server = new Server(10_000)
    const { boards } = opened(server)
    await boards.seek(900_000)
    expect(server.asked[0]).toBe('at 900000')
    expect(server.asked.filter((one) => one.startsWith('after'))).toEqual(['after 18000'])
    expect(boards.board?.hash).toBe(server.truth(900_000).hash)
  })

  it('does at most 250 changes again on a jump within what is loaded', async () => {
    const server = new Server(5000)
    server.pageSize = 5000
    const { boards } = opened(server)
    await boards.seek(0)
    await boards.seek(490_000)
    const applied: number[] = []
    const apply = BoardFold.prototype.apply
    try {
      BoardFold.prototype.apply = function (this: BoardFold, change) {
        applied.push(change.seq)
        apply.call(this, change)
      }
      for (const t of [100_050, 480_000, 5, 250_000]) {
        applied.length = 0
        await boards.seek(t)
        expect(applied.length).toBeLessThanOrEqual(250)
      }
    } finally {
      BoardFold.prototype.apply = apply
    }
    expect(server.asked.filter((one) => one.startsWith('at')).length).toBe(1)
  })

  it('shows the last of several jumps, however their answers come', async () => {
    const server = new Server(5000)
    const { boards } = opened(server)
    const jumps = [400_000, 100, 250_000].map((t) => boards.seek(t))
    await Promise.all(jumps)
    expect(boards.board?.hash).toBe(server.truth(250_000).hash)
    expect(boards.loading).toBe(false)
  })

  it('tries again by itself after a failure, not at once', async () => {
    const server = new Server(1000)
    server.fails = 1
    const { boards, wait } = opened(server)
    await boards.seek(5_000)
    expect([boards.error?.code, boards.board]).toEqual(['unavailable', null])
    boards.advance(5_080)
    await settled()
    expect(server.asked.length).toBe(1)
    wait(1600)
    boards.advance(5_160)
    await settled()
    expect([boards.error, boards.board?.hash]).toEqual([null, server.truth(5_160).hash])
  })

  it('reads the board anew where it is not the live one, once', async () => {
    const server = new Server(100)
    const broken = server.changes[20]
    if (broken?.kind === 'drawn') broken.hash = 'ffffffffffffffff'
    const { boards } = opened(server)
    await boards.seek(0)
    boards.advance(2_150)
    await settled()
    expect(server.asked.filter((one) => one.startsWith('at'))).toEqual(['at 0', 'at 2150'])
    boards.advance(2_190)
    await settled()
    expect(server.asked.filter((one) => one.startsWith('at')).length).toBe(2)
  })

  it('keeps no more than so many changes', async () => {
    const server = new Server(45_000)
    server.pageSize = 1000
    const { boards } = opened(server)
    await boards.seek(0)
    for (let t = 0; t <= 4_400_000; t += 20_000) {
      boards.advance(t)
      await settled()
    }
    expect((boards as unknown as { changes: unknown[] }).changes.length).toBeLessThanOrEqual(21_000)
    expect(boards.board?.hash).toBe(server.truth(4_400_000).hash)
  }, 20_000)
})
