import { act, render, screen } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { FiguresDialog, quantile, worstFirst } from '../../src/components/FiguresDialog'
import { Figures } from '../../src/sdk'
import type { PeerFigures, SectionFigures, WireFigures } from '../../src/sdk/figures'

const section = (bytes: number, more: Partial<SectionFigures> = {}): SectionFigures => ({
  mid: '1', kind: 'video', source: 'camera', layer: 2, temporal: 3, paused: false, packets: 9, bytes, repeated: 0, fraction_lost: 0, freezes: 0, ...more,
})
const peer = (id: string, sent: SectionFigures[]): PeerFigures => ({
  peer: id, role: 'participant', connected: true, rtt_seconds: 0.05, estimate_bps: null, received: [], sent,
})
const PRESENTER: PeerFigures = {
  ...peer('pres', []),
  role: 'presenter',
  received: [{
    source: 'camera', rid: 'f', codec: 'vp8', packets: 900, bytes: 1, lost: 100, recovered: 0, jitter_seconds: 0.002,
    bitrate_bps: 1_500_000, width: 1280, height: 720, active: true, muted: false,
  }],
}

describe('Figures', () => {
  it('asks while somebody looks, again after a return, and counts rates from bytes', async () => {
    const asked: object[] = []
    let now = 1000
    const figures = new Figures((_, payload) => {
      asked.push(payload)
      return Promise.resolve({})
    }, () => now)
    figures.came({ peers: [PRESENTER], leftOut: 0 })
    expect(figures.state.get().at, 'nobody asked').toBeNull()
    await figures.watch(true)
    figures.came({ peers: [PRESENTER, peer('a', [section(1000)])], leftOut: 0 })
    now += 2000
    figures.came({ peers: [PRESENTER, peer('a', [section(251_000)])], leftOut: 3 })
    expect(figures.state.get().listeners[0]).toMatchObject({ bps: 1_000_000, layer: 2, paused: false })
    expect(figures.state.get().tracks[0]).toMatchObject({ rid: 'f', role: 'presenter' })
    figures.resume()
    await figures.watch(false)
    expect(asked).toEqual([{ on: true }, { on: true }, { on: false }])
  })

  it('shows tracks, and listeners with the worst first', () => {
    HTMLDialogElement.prototype.showModal = vi.fn()
    HTMLDialogElement.prototype.close = vi.fn()
    const figures = new Figures(() => Promise.resolve({}))
    render(<FiguresDialog figures={figures} onClose={() => undefined} />)
    expect(screen.getByTestId('figures-none')).toBeTruthy()
    const wire: WireFigures = {
      peers: [PRESENTER, peer('fine', [section(1)]), peer('slow', [section(1, { paused: true, fraction_lost: 0.2 })])],
      leftOut: 0,
    }
    act(() => { figures.came(wire) })
    expect(worstFirst(figures.state.get().listeners).map((one) => one.peer)).toEqual(['slow', 'fine'])
    expect(screen.getAllByTestId('figures-listener').map((row) => row.textContent)).toEqual([
      'Participant slow05020.0paused0', 'Participant fine0500.020',
    ])
    expect(screen.getByTestId('figures-track').textContent).toBe('Camera f vp815001280×72010.02.0')
    expect(screen.getByTestId('figures-summary').textContent).toContain('2 receive. Paused by their connection: 1.')
  })

  it('finds quantiles', () => {
    expect(quantile([], 0.5)).toBeNull()
    expect(quantile([3, 1, 2], 0.5)).toBe(2)
    expect(quantile([1, 2, 3, 4], 0.95)).toBe(4)
  })
})
