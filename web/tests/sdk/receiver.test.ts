import { describe, expect, it, vi } from 'vitest'
import { gzipSync } from 'node:zlib'
import { BoardReceiver } from '../../src/sdk/board/receiver'

const FABRIC = [{ type: 'rect', left: 10, width: 20, height: 20, fill: 'red' }]
const bytes = (value: unknown) => new Uint8Array(gzipSync(JSON.stringify(value)))
const view = (zoom: number) => ({ viewport: [zoom, 0, 0, zoom, 5, 0], eventTime: 1, width: 800, height: 600 })

describe('a board as a member sees it', () => {
  it("has what another client draws, and where its presenter looks, until a board of ours comes", async () => {
    const receiver = new BoardReceiver(() => undefined)
    receiver.updated({ content: { objects: bytes(FABRIC), ...view(1) } as never })
    await vi.waitFor(() => { expect(receiver.state.get().foreign).toEqual(FABRIC) })
    expect(receiver.state.get().raw).toEqual(view(1))
    // A view alone keeps what is drawn, the same list: nothing is drawn anew.
    const { foreign } = receiver.state.get()
    receiver.updated({ content: { objects: new ArrayBuffer(0), ...view(2) } })
    await vi.waitFor(() => { expect(receiver.state.get().raw).toEqual(view(2)) })
    expect(receiver.state.get().foreign).toBe(foreign)
    receiver.updated({ content: { objects: bytes([]), ...view(2) } as never })
    await vi.waitFor(() => { expect(receiver.state.get()).toMatchObject({ foreign: null, elements: [] }) })
    receiver.close()
  })

  it('keeps the last view where one cannot be used, and nothing of what cannot be read', async () => {
    const receiver = new BoardReceiver(() => undefined)
    receiver.updated({ content: { objects: bytes(FABRIC), ...view(1) } as never })
    await vi.waitFor(() => { expect(receiver.state.get().foreign).toHaveLength(1) })
    receiver.updated({ content: { objects: new Uint8Array([1, 2, 3]), ...view(1), viewport: [Number.NaN] } as never })
    await vi.waitFor(() => { expect(receiver.state.get().foreign).toEqual([]) })
    expect(receiver.state.get().raw).toEqual(view(1))
    receiver.close()
  })
})
