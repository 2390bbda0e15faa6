import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  classify, decodeBoard, fitViewport, fromWireViewport, gunzipList, gzipList, toWireViewport,
} from '../../src/sdk/board/codec'
import type { BoardElement } from '../../src/sdk/board/codec'

const element = (id: string, more: Partial<BoardElement> = {}): BoardElement => ({
  id, type: 'rectangle', version: 1, versionNonce: 7, x: 10, y: 20, ...more,
})

const bytes = (value: unknown): ArrayBuffer => {
  const zipped = gzipSync(JSON.stringify(value))
  return zipped.buffer.slice(zipped.byteOffset, zipped.byteOffset + zipped.byteLength) as ArrayBuffer
}

describe('objects', () => {
  it('come back as they went, text in any script included', async () => {
    const list = [element('a', { text: '환 ∈ ℝ 🙂' }), element('b')]
    expect(await gunzipList(await gzipList(JSON.stringify(list)))).toEqual(list)
  })

  it('are gzip that others can read, and read what others wrote', async () => {
    const zipped = new Uint8Array(await gzipList('[]'))
    expect([zipped[0], zipped[1]]).toEqual([0x1f, 0x8b])
    expect(await decodeBoard({ objects: bytes([element('a')]) })).toEqual({ kind: 'elements', elements: [element('a')] })
  })

  it('that are empty mean unchanged', async () => {
    expect(await decodeBoard({ objects: new ArrayBuffer(0) })).toEqual({ kind: 'unchanged' })
    expect(await decodeBoard({})).toEqual({ kind: 'unchanged' })
  })

  it('arrive as a view into a bigger buffer as well', async () => {
    const zipped = gzipSync(JSON.stringify([element('a')]))
    const view = new Uint8Array(zipped.byteLength + 8)
    view.set(zipped, 8)
    expect((await decodeBoard({ objects: view.subarray(8) })).kind).toBe('elements')
  })

  it('of another client are foreign, and so is garbage', async () => {
    expect(classify([{ type: 'path', path: [] }])).toEqual({ kind: 'foreign', objects: [{ type: 'path', path: [] }] })
    expect(await decodeBoard({ objects: new Uint8Array([1, 2, 3]) })).toEqual({ kind: 'foreign', objects: [] })
    expect(await decodeBoard({ objects: bytes({ not: 'a list' }) })).toEqual({ kind: 'foreign', objects: [] })
  })

  it('come from canvasJSON where there are none, as text or parsed', async () => {
    const objects = [element('a')]
    const wanted = { kind: 'elements', elements: objects }
    expect(await decodeBoard({ canvasJSON: { objects } })).toEqual(wanted)
    expect(await decodeBoard({ canvasJSON: JSON.stringify({ objects }) })).toEqual(wanted)
  })

  it('never bring images, frames of other sites or deleted elements', () => {
    const list = [
      element('a'), element('i', { type: 'image' }), element('e', { type: 'embeddable' }),
      element('f', { type: 'iframe' }), element('d', { isDeleted: true }),
    ]
    expect(classify(list)).toEqual({ kind: 'elements', elements: [element('a')] })
  })

  it('that inflate beyond all measure are given up', async () => {
    const bomb = gzipSync(Buffer.alloc(40 * 1024 * 1024, 32))
    expect(await decodeBoard({ objects: new Uint8Array(bomb) })).toEqual({ kind: 'foreign', objects: [] })
  })
})

describe('the viewport', () => {
  const view = { zoom: 2, scrollX: 30, scrollY: -40, width: 800, height: 600 }

  it('is a canvas transform on the wire and comes back', () => {
    const wire = toWireViewport(view)
    expect(wire.viewport).toEqual([2, 0, 0, 2, 60, -80])
    expect(fromWireViewport(wire)).toEqual(view)
  })

  it('that says nothing is not followed', () => {
    expect(fromWireViewport({})).toBeNull()
    expect(fromWireViewport({ viewport: [0, 0, 0, 0, 0, 0], width: 800, height: 600 })).toBeNull()
    expect(fromWireViewport({ viewport: [1, 0, 0, 1, Number.NaN, 0], width: 800, height: 600 })).toBeNull()
  })

  it('is fitted whole and centred into another size', () => {
    const fitted = fitViewport(view, 400, 600)
    expect(fitted.zoom).toBe(1)
    // The scene point in the middle of the presenter's canvas is in the middle of ours.
    const centre = 800 / 2 / view.zoom - view.scrollX
    expect((centre + fitted.scrollX) * fitted.zoom).toBeCloseTo(200)
  })
})
