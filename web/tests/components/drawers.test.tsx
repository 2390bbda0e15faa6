import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DrawerRules } from '../../src/components/board/DrawerRules'
import { StaffTools } from '../../src/components/StaffTools'
import { Forum, LecternError } from '../../src/sdk'
import type { Presenter } from '../../src/sdk'
import { Store } from '../../src/sdk/store'
import { settle } from '../sdk/fakes'

afterEach(cleanup)

function board(answer: () => Promise<void> = () => Promise.resolve(), people: unknown[] = []) {
  const state = new Store<{ drawing: string; drawers: string[] }>({ drawing: 'presenter', drawers: [] })
  const letDraw = vi.fn(async (mode: string, drawers: string[] = []) => {
    await answer()
    state.set({ drawing: mode, drawers })
  })
  const list = { state: new Store({ people }), load: () => Promise.resolve() }
  render(<DrawerRules presenter={{ state, letDraw, people: list } as unknown as Presenter} />)
  return { state, letDraw }
}

async function name(email: string) {
  fireEvent.change(screen.getByTestId('drawer-email'), { target: { value: email } })
  fireEvent.click(screen.getByTestId('drawer-add'))
  await settle()
}

describe('DrawerRules', () => {
  it('lets everyone draw, and nobody else again', async () => {
    const { letDraw } = board()
    const everyone = screen.getByTestId('everyone-draws')
    fireEvent.click(everyone)
    await settle()
    expect(everyone.getAttribute('aria-pressed')).toBe('true')
    fireEvent.click(everyone)
    await settle()
    expect(letDraw.mock.calls.map(([mode]) => mode)).toEqual(['everyone', 'presenter'])
  })

  it('names a guest who is in the room by its id there, and shows its name', async () => {
    const { letDraw } = board(undefined, [
      { id: 'ab12', name: 'Guest 7', kind: 'guest' },
      { id: 'cd34', name: 'Sam', kind: 'student' },
    ])
    expect(screen.getAllByTestId('drawer-guest').map((item) => item.firstChild?.textContent)).toEqual(['Guest 7'])
    fireEvent.click(screen.getByTestId('drawer-guest-add'))
    await settle()
    expect(letDraw).toHaveBeenLastCalledWith('list', ['ab12'])
    expect(screen.queryByTestId('drawer-guest')).toBeNull()
    expect(screen.getByTestId('drawer').firstChild?.textContent).toBe('Guest 7')
  })

  it('names people once each, as accounts are written, and takes them off the list', async () => {
    const { letDraw } = board()
    await name(' Sam@Example.org ')
    await name('sam@example.org')
    await name('eve@example.org')
    expect(screen.getAllByTestId('drawer').map((item) => item.firstChild?.textContent)).toEqual(['sam@example.org', 'eve@example.org'])
    for (const who of ['sam@example.org', 'eve@example.org']) {
      fireEvent.click(screen.getByRole('button', { name: `No more: ${who}` }))
      await settle()
    }
    expect(letDraw).toHaveBeenLastCalledWith('presenter', [])
    expect(screen.getByText('Nobody is named yet.')).toBeTruthy()
  })

  it('says why a name was not taken, and keeps what was typed', async () => {
    board(() => Promise.reject(new LecternError('too_large', '', false)))
    await name('sam@example.org')
    expect((await screen.findByTestId('drawer-problem')).textContent).not.toBe('')
    expect(screen.getByTestId<HTMLInputElement>('drawer-email').value).toBe('sam@example.org')
  })
})

describe('StaffTools', () => {
  const question = {
    id: '1-0', content: 'Why?', name: 'Sam', anonymous: false, votes: 0, voted: false, mine: false, answered: false,
    answer: null, shown: 'visible' as const, memberId: 'a'.repeat(16), claimed: null,
  }

  it('makes who asked an assistant by name, for a presenter, once', async () => {
    const say = vi.fn(() => Promise.resolve({}))
    const forum = new Forum(say, { solved: () => undefined, asked: () => undefined })
    const { rerender } = render(<StaffTools question={question} forum={forum} claims={false} />)
    fireEvent.click(screen.getByTestId('appoint-author'))
    await settle()
    expect(say).toHaveBeenCalledWith('appoint', { member: question.memberId, name: 'Sam' })
    forum.state.set({ assistants: [{ memberId: question.memberId, name: 'Sam' }] })
    rerender(<StaffTools question={question} forum={forum} claims={false} />)
    expect(screen.queryByTestId('appoint-author')).toBeNull()
    rerender(<StaffTools question={{ ...question, memberId: 'b'.repeat(16) }} forum={forum} claims />)
    expect(screen.queryByTestId('appoint-author')).toBeNull()
  })
})
