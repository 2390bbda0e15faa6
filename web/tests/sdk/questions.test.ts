import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LecternError } from '../../src/sdk/errors'
import { MAX_QUESTION, OwnQuestions } from '../../src/sdk/questions'
import { settle } from './fakes'

describe('OwnQuestions', () => {
  let sent: { content: string; id: string }[]
  let answers: (() => Promise<string | null>)[]
  let questions: OwnQuestions
  const send = (content: string, id: string) => {
    sent.push({ content, id })
    return answers.shift()?.() ?? Promise.resolve(`${String(sent.length)}-0`)
  }
  const failing = (code: 'offline' | 'unavailable' | 'too_large') => () =>
    Promise.reject(new LecternError(code, '', code !== 'too_large'))
  const states = () => questions.state.get().list.map(({ state }) => state)

  beforeEach(() => {
    vi.useFakeTimers()
    sent = []
    answers = []
    questions = new OwnQuestions(send)
  })

  afterEach(() => {
    questions.close()
    vi.useRealTimers()
  })

  it('are sent trimmed, then asked, then answered', async () => {
    expect(questions.ask('  Why?  ')).toBe(true)
    expect(states()).toEqual(['pending'])
    await settle()
    expect(sent[0]?.content).toBe('Why?')
    expect(states()).toEqual(['sent'])
    questions.answered('1-0')
    expect(states()).toEqual(['answered'])
  })

  it('that the staff hides are told to their asker, shown or not before, and again when they are shown', async () => {
    questions.ask('Why?')
    await settle()
    questions.hidden('1-0', true)
    expect(states()).toEqual(['hidden'])
    questions.hidden('1-0', false)
    expect(states()).toEqual(['sent'])
    questions.answered('1-0')
    questions.hidden('1-0', true)
    expect(states()).toEqual(['answered'])
  })

  it('that are empty or too long are not taken', () => {
    expect(questions.ask('   ')).toBe(false)
    expect(questions.ask('x'.repeat(MAX_QUESTION + 1))).toBe(false)
    expect(questions.ask('x'.repeat(MAX_QUESTION))).toBe(true)
  })

  it('go out again with the same id after a reconnect, and are listed once', async () => {
    answers = [failing('offline')]
    questions.ask('Why?')
    await settle()
    expect(states()).toEqual(['pending'])
    questions.flush()
    await settle()
    expect(sent).toHaveLength(2)
    expect(sent[0]?.id).toBe(sent[1]?.id)
    expect(states()).toEqual(['sent'])
    questions.flush()
    expect(sent).toHaveLength(2)
  })

  it('are tried again by themselves while the server is busy', async () => {
    answers = [failing('unavailable'), failing('unavailable')]
    questions.ask('Why?')
    await vi.advanceTimersByTimeAsync(9000)
    expect(sent).toHaveLength(3)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1)
    expect(states()).toEqual(['sent'])
  })

  it('that are refused for good say so, and wait for a person', async () => {
    answers = [failing('too_large')]
    questions.ask('Why?')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sent).toHaveLength(1)
    expect(questions.state.get().list[0]).toMatchObject({ state: 'failed', error: 'too_large' })
    questions.again(questions.state.get().list[0]?.clientId ?? '')
    await settle()
    expect(states()).toEqual(['sent'])
  })

  it('that were not sent before a reload are sent after it', async () => {
    let stored = questions.state.get().list
    questions = new OwnQuestions(() => new Promise(() => undefined), [], (list) => { stored = list })
    questions.ask('Why?')
    questions = new OwnQuestions(send, stored)
    questions.flush()
    await settle()
    expect(sent[0]?.id).toBe(stored[0]?.clientId)
  })

  it('know an answer that overtakes the acknowledgement', async () => {
    let acknowledge: (id: string) => void = () => undefined
    answers = [() => new Promise((resolve) => { acknowledge = resolve })]
    questions.ask('Why?')
    questions.answered('9-0')
    acknowledge('9-0')
    await settle()
    expect(states()).toEqual(['answered'])
  })
})
