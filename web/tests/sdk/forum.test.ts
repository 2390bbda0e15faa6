import { describe, expect, it, vi } from 'vitest'
import { Forum, sorted } from '../../src/sdk/forum'
import type { Hear, Say } from '../../src/sdk/forum'
import { LecternError } from '../../src/sdk/errors'

function world(say: Say = () => Promise.resolve({}), asked?: () => void) {
  const solved = vi.fn<(id: string) => void>()
  const forum = new Forum(say, asked ? { solved, asked } : { solved })
  const listeners = new Map<string, (payload: unknown) => void>()
  const hear: Hear = (event, listener) => { listeners.set(event, listener as (payload: unknown) => void) }
  forum.listen(hear)
  const tell = (event: string, payload: unknown) => listeners.get(event)?.(payload)
  const one = (id = '1-0') => forum.state.get().questions.find((question) => question.id === id)
  return { forum, solved, tell, one }
}

const WHY = { questionId: '1-0', content: 'why?', name: 'Sam', votes: 0 }

describe('Forum', () => {
  it('lists each question once, and follows what becomes of it', () => {
    const { forum, solved, tell, one } = world()
    tell('question', WHY)
    tell('question', WHY)
    expect(forum.state.get().questions).toHaveLength(1)
    tell('votes', { votes: { '1-0': 3, '9-0': 1 } })
    expect(one()?.votes).toBe(3)
    tell('answered', { questionId: '1-0', content: 'because', name: 'Ada' })
    expect(one()).toMatchObject({ answered: true, answer: { content: 'because', name: 'Ada' } })
    expect(solved).toHaveBeenCalledWith('1-0')
    tell('hidden', { questionId: '1-0' })
    expect(one()).toBeUndefined()
  })

  it('keeps what is hidden for its asker and for the staff', () => {
    const asker = world()
    asker.tell('question', WHY)
    asker.forum.isMine('1-0')
    asker.tell('hidden', { questionId: '1-0' })
    expect(asker.one()?.shown).toBe('hidden')
    const presenter = world(undefined, () => undefined)
    presenter.tell('asked', { ...WHY, shown: 'waiting' })
    presenter.tell('hidden', { questionId: '1-0' })
    expect(presenter.one()?.shown).toBe('hidden')
  })

  it('knows its own, whichever comes first', () => {
    const { forum, tell, one } = world()
    forum.isMine('1-0')
    tell('question', WHY)
    expect(one()?.mine).toBe(true)
  })

  it('keeps what the staff knows when the class is told', () => {
    const { tell, one } = world(undefined, () => undefined)
    tell('asked', { ...WHY, anonymous: true, shown: 'waiting' })
    tell('question', { ...WHY, name: '', anonymous: true })
    expect(one()).toMatchObject({ name: 'Sam', shown: 'visible' })
  })

  it('votes at once, once, and takes it back when it is refused', async () => {
    const say = vi.fn<Say>().mockResolvedValueOnce({ votes: 5 })
    const { forum, tell, one } = world(say)
    tell('question', WHY)
    const vote = forum.vote('1-0', true)
    expect(one()).toMatchObject({ votes: 1, voted: true })
    await vote
    await forum.vote('1-0', true)
    expect(say.mock.calls).toEqual([['upvote', { questionId: '1-0', on: true }]])
    expect(one()?.votes).toBe(5)
    say.mockRejectedValueOnce(new LecternError('rate_limited', 'slow down', true))
    await forum.vote('1-0', false)
    expect(one()).toMatchObject({ votes: 5, voted: true })
    expect(forum.state.get().problem?.code).toBe('rate_limited')
  })

  it('shows a rule at once, and the old one when the new one is refused', async () => {
    const { forum } = world(() => Promise.reject(new LecternError('forbidden', 'no', false)))
    const change = forum.moderate(true)
    expect(forum.state.get().moderation).toBe(true)
    await change
    expect(forum.state.get().moderation).toBe(false)
  })

  it('asks for the whole list when it becomes an assistant, and when it is one no more', async () => {
    const say = vi.fn<Say>().mockResolvedValue({ memberId: 'me', assistant: true, questions: [WHY] })
    const { forum, tell, one } = world(say)
    forum.load({ memberId: 'me', assistant: false })
    tell('assistants', { assistants: [{ memberId: 'me', name: 'Tara' }] })
    await vi.waitFor(() => { expect(one()).toBeDefined() })
    expect(forum.state.get().assistant).toBe(true)
    say.mockResolvedValue({ memberId: 'me', assistant: false, questions: [] })
    tell('assistants', { assistants: [] })
    await vi.waitFor(() => { expect(one()).toBeUndefined() })
  })

  it('learns what was answered while it was away', async () => {
    const say = vi.fn<Say>().mockResolvedValue({ known: { '1-0': 'answered', '2-0': 'open' } })
    const { forum, solved } = world(say)
    await forum.refresh(['1-0', '2-0'])
    expect(solved.mock.calls).toEqual([['1-0']])
  })

  it('sorts by votes, and by time among equals', () => {
    const { forum, tell } = world()
    for (const [id, votes] of [['1-0', 1], ['2-0', 4], ['3-0', 1]] as const) tell('question', { ...WHY, questionId: id, votes })
    const { questions } = forum.state.get()
    expect(sorted(questions, 'votes').map(({ id }) => id)).toEqual(['2-0', '1-0', '3-0'])
    expect(sorted(questions, 'time').map(({ id }) => id)).toEqual(['1-0', '2-0', '3-0'])
  })
})
