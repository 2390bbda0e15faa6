import { carried, classify, gunzipList } from '../board/codec'
import type { BoardElement } from '../board/codec'
import type { BoardFold } from './fold'

/** What is on a board: elements of ours, or another client's canvas objects. */
export interface Content {
  elements: BoardElement[] | null
  foreign: unknown[] | null
}

/** What a whole board holds. Never rejects: what cannot be read is another client's, with nothing in it. */
export async function unpacked(objects: string): Promise<Content> {
  try {
    const list = await gunzipList(Uint8Array.from(atob(objects), (one) => one.charCodeAt(0)).buffer)
    const content = classify(list)
    if (content.kind === 'foreign') return { elements: null, foreign: content.objects }
    return { elements: content.kind === 'elements' ? content.elements : [], foreign: null }
  } catch {
    return { elements: null, foreign: [] }
  }
}

/** A page of a board that is to be drawn on its own. */
export interface Sheet extends Content {
  page: number
  /** Of another client's board: where its objects are seen from. */
  view: BoardFold['view']
}

/** Every page that has something on it. */
export async function sheetsOf(board: BoardFold): Promise<Sheet[]> {
  const { view } = board
  if (board.kind === 'whole') {
    const content = await unpacked(board.objects ?? '')
    const isEmpty = (content.elements ?? content.foreign ?? []).length === 0
    return isEmpty ? [] : [{ ...content, page: 0, view }]
  }
  return board.pages().flatMap((page) => {
    const elements = carried(board.shown(page))
    return elements.length === 0 ? [] : [{ elements, foreign: null, page, view }]
  })
}
