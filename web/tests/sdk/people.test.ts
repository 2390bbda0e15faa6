import { describe, expect, it, vi } from 'vitest'
import { LecternError } from '../../src/sdk/errors'
import { People } from '../../src/sdk/people'

const ada = { id: 'a', name: 'Ada', kind: 'student', role: 'student', connections: 1 }
const bob = { id: 'b', name: 'Bob', kind: 'guest', role: 'guest', connections: 2 }

type Listener = (payload: never) => void

function listening(people: People) {
  const heard = new Map<string, Listener>()
  people.listen((event, listener) => { heard.set(event, listener) })
  return (event: string, payload: object) => { heard.get(event)?.(payload as never) }
}

describe('people of a lecture', () => {
  it('are asked for page by page, each once', async () => {
    const say = vi.fn()
      .mockResolvedValueOnce({ people: [bob], count: 2, cursor: '7', removed: [] })
      .mockResolvedValueOnce({ people: [ada, bob], count: 2, cursor: null })
    const people = new People(say)
    await people.load()
    expect(people.state.get()).toMatchObject({ people: [bob], more: true, count: 2 })
    await people.next()
    expect(say).toHaveBeenLastCalledWith('people', { cursor: '7' })
    expect(people.state.get()).toMatchObject({ people: [ada, bob], more: false })
  })

  it('go from the list when they are sent away, and may be let back in', async () => {
    const say = vi.fn().mockResolvedValue({ people: [ada, bob], count: 2, cursor: null, removed: [] })
    const people = new People(say)
    const tell = listening(people)
    await people.load()
    tell('expelled', { id: 'b', name: 'Bob', banned: true })
    expect(people.state.get()).toMatchObject({ people: [ada], count: 1, removed: [{ id: 'b', banned: true }] })
    tell('readmitted', { id: 'b' })
    expect(people.state.get().removed).toEqual([])
    await people.remove('a', true)
    expect(say).toHaveBeenLastCalledWith('remove', { member: 'a', ban: true })
  })

  it('say why something was refused, and forget it at the next try', async () => {
    const say = vi.fn()
      .mockRejectedValueOnce(new LecternError('forbidden', 'no'))
      .mockResolvedValueOnce({})
    const people = new People(say)
    await people.readmit('b')
    expect(people.state.get().problem?.code).toBe('forbidden')
    await people.readmit('b')
    expect(people.state.get().problem).toBeNull()
  })
})
