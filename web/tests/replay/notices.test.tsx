import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ReplayNotices } from '../../src/pages/ReplayNotices'
import { LecternError, Store } from '../../src/sdk'
import type { RecordingCard, Summary } from '../../src/sdk/replay/archive'
import type { Replay } from '../../src/sdk/replay/replay'

afterEach(cleanup)

const SUMMARY = { state: 'ready', is_owner: true } as Summary

function shown(recording: Partial<RecordingCard> | null, more: { own?: boolean; boardError?: LecternError; act?: () => Promise<void> } = {}) {
  const act = more.act ?? (() => Promise.resolve())
  const replay = {
    state: new Store({ recording: recording && { percent: 0, secondsLeft: null, files: [], fault: null, ...recording }, listsError: null }),
    board: new Store({ error: more.boardError ?? null }),
    finaliseAgain: vi.fn(act), cancelFinalising: vi.fn(act), retryBoard: vi.fn(), retryLists: vi.fn(),
  }
  render(<ReplayNotices replay={replay as unknown as Replay} summary={{ ...SUMMARY, is_owner: more.own ?? true }} />)
  return replay
}

describe('what is not there yet', () => {
  it('is said with percent and an estimate, and its presenter may stop it', () => {
    const replay = shown({ state: 'running', percent: 41, secondsLeft: 200 })
    expect(screen.getByTestId('replay-percent').textContent).toBe('41 % · about 3 min left')
    expect(screen.getByRole('progressbar')).toHaveProperty('value', 41)
    fireEvent.click(screen.getByTestId('replay-cancel'))
    expect(replay.cancelFinalising).toHaveBeenCalledOnce()
  })

  it('has no estimate before there is one, and no button for the audience', () => {
    shown({ state: 'running', percent: 1 }, { own: false })
    expect(screen.getByTestId('replay-percent').textContent).toBe('1 %')
    expect(screen.queryByTestId('replay-cancel')).toBeNull()
  })

  it('that failed may be asked for again; a refusal is said', async () => {
    const replay = shown({ state: 'failed' }, { act: () => Promise.reject(new LecternError('conflict', '')) })
    fireEvent.click(screen.getByTestId('replay-again'))
    expect(replay.finaliseAgain).toHaveBeenCalledOnce()
    expect((await screen.findByRole('alert')).textContent).toBe('Nothing needs to be done there any more: reload the page.')
  })

  it('is nothing where all is done, or nothing was recorded', () => {
    shown({ state: 'done' })
    shown(null)
    expect(screen.queryByTestId('replay-making')).toBeNull()
  })

  it('is a board that could not be read, to be tried again', () => {
    const replay = shown(null, { boardError: new LecternError('unavailable', '', true) })
    fireEvent.click(screen.getByText('Try again'))
    expect(replay.retryBoard).toHaveBeenCalledOnce()
  })
})
