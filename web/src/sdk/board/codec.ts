import { LecternError } from '../errors'
import type { BoardContent, WireBoard, WireView } from '../messages'

/** An element of the board, as far as the wire cares; the editor knows the rest. */
export interface BoardElement {
  id: string
  type: string
  version: number
  versionNonce: number
  [field: string]: unknown
}

export interface Viewport {
  scrollX: number
  scrollY: number
  zoom: number
  width: number
  height: number
}

/** What a hostile snapshot may inflate to before we stop reading it. */
export const MAX_INFLATED_BYTES = 32 * 1024 * 1024

/** Never drawn from the wire: they would load other sites' pages, or need files that are not carried. */
const NOT_CARRIED: ReadonlySet<string> = new Set(['image', 'iframe', 'embeddable'])

async function pipe(bytes: Uint8Array<ArrayBuffer>, through: ReadableWritablePair, limit: number): Promise<ArrayBuffer> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
  const reader = (source.pipeThrough(through) as ReadableStream<Uint8Array>).getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > limit) {
      await reader.cancel()
      throw new LecternError('board_too_large', `over ${String(limit)} bytes`)
    }
    parts.push(value)
  }
  const whole = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole.buffer
}

/** gzip of the JSON text of a list: the wire's `objects`. */
export function gzipList(json: string): Promise<ArrayBuffer> {
  return pipe(new TextEncoder().encode(json), new CompressionStream('gzip'), Infinity)
}

/** The list in `objects`; `null` when it is empty (unchanged). Rejects what is not gzip of a JSON list. */
export async function gunzipList(objects: ArrayBuffer): Promise<unknown[] | null> {
  if (objects.byteLength === 0) return null
  const plain = await pipe(new Uint8Array(objects), new DecompressionStream('gzip'), MAX_INFLATED_BYTES)
  const list: unknown = JSON.parse(new TextDecoder().decode(plain))
  if (!Array.isArray(list)) throw new LecternError('bad_request', 'the board is not a list')
  return list
}

export function isCarried(element: BoardElement): boolean {
  return !NOT_CARRIED.has(element.type) && element.isDeleted !== true
}

export function carried(elements: readonly BoardElement[]): BoardElement[] {
  return elements.filter(isCarried)
}

function isElement(value: unknown): value is BoardElement {
  const element = value as Partial<BoardElement> | null
  return (
    typeof element === 'object' &&
    element !== null &&
    typeof element.id === 'string' &&
    typeof element.type === 'string' &&
    typeof element.version === 'number' &&
    typeof element.versionNonce === 'number'
  )
}

/** What arrived: elements of ours, nothing new (`unchanged`), or another client's drawing (`foreign`), empty if unreadable. */
export type Decoded =
  | { kind: 'elements'; elements: BoardElement[] }
  | { kind: 'unchanged' }
  | { kind: 'foreign'; objects: unknown[] }

export function classify(list: unknown[] | null): Decoded {
  if (list === null) return { kind: 'unchanged' }
  if (!list.every(isElement)) return { kind: 'foreign', objects: list }
  return { kind: 'elements', elements: carried(list) }
}

/** Whether a board message carries a drawing, and not the view alone. */
export function hasObjects(board: WireBoard): boolean {
  if (toBuffer(board.objects).byteLength > 0) return true
  if (typeof board.canvasJSON === 'string') return true
  return Array.isArray(board.canvasJSON?.objects) && board.canvasJSON.objects.length > 0
}

/** Never rejects: whatever cannot be read is `foreign`, with nothing that could be drawn. */
export async function decodeBoard(board: WireBoard): Promise<Decoded> {
  try {
    const list = await gunzipList(toBuffer(board.objects))
    if (list !== null || board.canvasJSON === undefined) return classify(list)
    const canvas: unknown =
      typeof board.canvasJSON === 'string' ? JSON.parse(board.canvasJSON) : board.canvasJSON
    const objects = (canvas as { objects?: unknown } | null)?.objects
    return classify(Array.isArray(objects) && objects.length > 0 ? objects : null)
  } catch {
    return { kind: 'foreign', objects: [] }
  }
}

export function toBuffer(objects: WireBoard['objects']): ArrayBuffer {
  // Not `instanceof`: a buffer of another realm (a frame, a test's window) is one as well.
  if (Object.prototype.toString.call(objects) === '[object ArrayBuffer]') return objects as ArrayBuffer
  if (ArrayBuffer.isView(objects)) {
    const view = new Uint8Array(objects.byteLength)
    view.set(new Uint8Array(objects.buffer, objects.byteOffset, objects.byteLength))
    return view.buffer
  }
  return new ArrayBuffer(0)
}

/** The wire's viewport is a canvas transform [a, b, c, d, e, f]: screen = zoom · (scene + scroll). */
export function toWireViewport(view: Viewport): Omit<BoardContent, 'objects' | 'eventTime'> {
  const { zoom, scrollX, scrollY } = view
  return {
    viewport: [zoom, 0, 0, zoom, scrollX * zoom, scrollY * zoom],
    width: Math.max(1, Math.round(view.width)),
    height: Math.max(1, Math.round(view.height)),
  }
}

/** The presenter's view, or null where the message has none that can be shown. */
export function fromWireViewport(board: WireBoard): Viewport | null {
  const [zoom, , , , e, f] = board.viewport ?? []
  const { width, height } = board
  const numbers = [zoom, e, f, width, height]
  if (!numbers.every((n): n is number => typeof n === 'number' && Number.isFinite(n))) return null
  const [z, x, y, w, h] = numbers as [number, number, number, number, number]
  if (z <= 0 || w <= 1 || h <= 1) return null
  return { zoom: z, scrollX: x / z, scrollY: y / z, width: w, height: h }
}

/** The same as it came, for drawings whose transform may turn and shear; null where it cannot be used. */
export function wireView(board: WireBoard): WireView | null {
  const { viewport, eventTime, width, height } = board
  const isNumber = (n: unknown): n is number => typeof n === 'number' && Number.isFinite(n)
  if (viewport?.length !== 6 || !viewport.every(isNumber) || !isNumber(width) || !isNumber(height)) return null
  return { viewport, eventTime: isNumber(eventTime) ? eventTime : 0, width, height }
}

/** Fits the presenter's visible scene, whole and centred, into a canvas of another size. */
export function fitViewport(view: Viewport, width: number, height: number): Viewport {
  const scale = Math.min(width / view.width, height / view.height)
  const zoom = Math.min(30, Math.max(0.1, view.zoom * scale))
  const centreX = view.width / 2 / view.zoom - view.scrollX
  const centreY = view.height / 2 / view.zoom - view.scrollY
  return {
    zoom,
    scrollX: width / 2 / zoom - centreX,
    scrollY: height / 2 / zoom - centreY,
    width,
    height,
  }
}
