import type { BoardElement } from './codec'

/** One change of an element board, as docs/protocol.md has it. */
export type Operation =
  | { put: BoardElement }
  | { del: string; version: number }
  | { clear: true; page?: number }

export interface Drawn {
  rev: number
  hash: string
  ops: Operation[]
}

/** One of `parts` messages that carry a whole board together. */
export interface SnapshotPart {
  rev: number
  hash: string
  page?: number
  part: number
  parts: number
  elements: BoardElement[]
}

export type Digest = readonly [number, number]

const OFFSETS = [0x811c9dc5, 0xcbf29ce4] as const

function word(text: string, offset: number): number {
  let hash: number = offset
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Names one write of an element: FNV-1a of its id, version and nonce, mixed by MurmurHash3's finaliser. */
export function digest({ id, version, versionNonce }: Pick<BoardElement, 'id' | 'version' | 'versionNonce'>): Digest {
  const text = `${id}:${String(version)}:${String(versionNonce)}`
  return [word(text, OFFSETS[0]), word(text, OFFSETS[1])]
}

export function hex(sum: Digest): string {
  return sum.map((one) => one.toString(16).padStart(8, '0')).join('')
}

/** Of two writes of one element the higher version counts; at equal versions the lower nonce. */
export function isNewer(one: BoardElement, than: BoardElement): boolean {
  if (one.version !== than.version) return one.version > than.version
  return one.versionNonce < than.versionNonce
}

export const pageOf = (element: BoardElement): number => (typeof element.page === 'number' ? element.page : 0)

/** What one event changed: a board that follows shows `puts` and takes `removed` away. */
export interface Change {
  puts: BoardElement[]
  removed: { id: string; version: number }[]
}

/** The server's element board, followed event by event. */
export class ElementBoard {
  readonly elements = new Map<string, BoardElement>()
  rev = 0
  /** The revision of the last snapshot: events up to it may still be on their way. */
  private loaded = 0
  private sum: [number, number] = [0, 0]
  private parts: SnapshotPart[] = []
  private later: Drawn[] = []

  get hash(): string {
    return hex(this.sum)
  }

  /**
   * Applies one event, unless the board is past it. `differs`: the board is not the server's any
   * more, and a snapshot is to be asked for. While a snapshot is arriving, events wait for its end.
   */
  drawn(event: Drawn): { change: Change | null; differs: boolean } {
    if (this.parts.length > 0) {
      this.later.push(event)
      return { change: null, differs: false }
    }
    // Of a revision that another event made already: the server's board is an older one than ours.
    if (event.rev <= this.rev) return { change: null, differs: event.rev > this.loaded }
    const change: Change = { puts: [], removed: [] }
    for (const op of event.ops) this.apply(op, change)
    this.rev = event.rev
    return { change, differs: this.hash !== event.hash }
  }

  /** Takes one part; null until the last has come, then what differed, and whether it still does. */
  part(part: SnapshotPart): { change: Change; differs: boolean } | null {
    if (part.part === 0) this.parts = []
    if (part.part !== this.parts.length) return null
    this.parts.push(part)
    if (this.parts.length < part.parts) return null
    const all = this.parts.flatMap(({ elements }) => elements)
    this.parts = []
    const change = this.load(all)
    this.rev = part.rev
    this.loaded = part.rev
    let differs = this.hash !== part.hash
    const waiting = this.later.splice(0)
    for (const event of waiting) {
      const after = this.drawn(event)
      change.puts.push(...(after.change?.puts ?? []))
      change.removed.push(...(after.change?.removed ?? []))
      differs ||= after.differs
    }
    return { change, differs }
  }

  /** A whole snapshot of an existing client has replaced the elements. */
  reset(): void {
    this.elements.clear()
    this.sum = [0, 0]
    this.parts = []
  }

  /** A snapshot was begun and will not be ended: the connection is another. */
  abandon(): boolean {
    const begun = this.parts.length > 0
    this.parts = []
    this.later = []
    return begun
  }

  /** What is on one page, lowest first. */
  page(page: number): BoardElement[] {
    const shown = [...this.elements.values()].filter((element) => pageOf(element) === page)
    const depth = (element: BoardElement) => (typeof element.index === 'string' ? element.index : '')
    return shown.sort((one, two) => {
      const [a, b] = [depth(one), depth(two)]
      return a === b ? (one.id < two.id ? -1 : 1) : a < b ? -1 : 1
    })
  }

  private load(elements: BoardElement[]): Change {
    const ids = new Set(elements.map(({ id }) => id))
    const removed = [...this.elements.values()].filter(({ id }) => !ids.has(id))
    this.reset()
    for (const element of elements) this.put(element)
    return { puts: elements, removed: removed.map(({ id, version }) => ({ id, version })) }
  }

  private apply(op: Operation, change: Change): void {
    if ('put' in op) {
      const old = this.elements.get(op.put.id)
      if (old && !isNewer(op.put, old)) return
      this.put(op.put)
      change.puts.push(op.put)
    } else if ('del' in op) {
      const old = this.elements.get(op.del)
      if (old && op.version >= old.version) this.remove(old, op.version, change)
    } else {
      for (const element of [...this.elements.values()]) {
        if (op.page === undefined || pageOf(element) === op.page) this.remove(element, element.version, change)
      }
    }
  }

  private put(element: BoardElement): void {
    const old = this.elements.get(element.id)
    if (old) this.add(digest(old), -1)
    this.add(digest(element), 1)
    this.elements.set(element.id, element)
  }

  private remove(element: BoardElement, version: number, change: Change): void {
    this.add(digest(element), -1)
    this.elements.delete(element.id)
    change.removed.push({ id: element.id, version })
  }

  private add([first, second]: Digest, sign: 1 | -1): void {
    this.sum = [(this.sum[0] + sign * first) >>> 0, (this.sum[1] + sign * second) >>> 0]
  }
}
