import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { AskBox } from '../../src/components/AskBox'
import { OwnQuestionList } from '../../src/components/OwnQuestionList'
import { QuestionList } from '../../src/components/QuestionList'
import { en } from '../../src/i18n/en'
import { ko } from '../../src/i18n/ko'
import { Forum } from '../../src/sdk'
import type { OwnQuestion } from '../../src/sdk'

const forum = () => new Forum(() => Promise.resolve({}), { solved: () => undefined })

afterEach(cleanup)

describe('QuestionList', () => {
  const questions = [
    { id: '1-0', content: 'Why?', name: 'Ada' },
    { id: '2-0', content: '<b>How?</b>', name: 'Guest 7' },
  ]

  it('shows each question as text, with its asker, in order', () => {
    render(<QuestionList questions={questions} solving={new Set()} solvedCount={0} forum={forum()} onSolve={vi.fn()} />)
    const items = screen.getAllByTestId('question-item')
    expect(items.map((item) => item.textContent)).toEqual(['Why?AdaAnswerHide', '<b>How?</b>Guest 7AnswerHide'])
    expect(screen.getByTestId('question-count').textContent).toBe('2')
  })

  it('ticks off the one that was clicked, once', () => {
    const solve = vi.fn()
    const { rerender } = render(<QuestionList questions={questions} solving={new Set()} solvedCount={0} forum={forum()} onSolve={solve} />)
    fireEvent.click(screen.getByRole('checkbox', { name: 'Answered: Why?' }))
    expect(solve).toHaveBeenCalledExactlyOnceWith('1-0')
    rerender(<QuestionList questions={questions} solving={new Set(['1-0'])} solvedCount={0} forum={forum()} onSolve={solve} />)
    expect(screen.getByRole<HTMLInputElement>('checkbox', { name: 'Answered: Why?' }).disabled).toBe(true)
  })

  it('says when there is none', () => {
    render(<QuestionList questions={[]} solving={new Set()} solvedCount={3} forum={forum()} onSolve={vi.fn()} />)
    expect(screen.getByTestId('questions-empty').textContent).toBe('No open questions.')
    expect(screen.getByText('3 answered')).toBeTruthy()
  })
})

describe('AskBox', () => {
  const box = () => screen.getByTestId<HTMLTextAreaElement>('ask-input')
  const type = (value: string) => { fireEvent.change(box(), { target: { value } }) }

  it('asks on Enter and empties itself', () => {
    const ask = vi.fn(() => true)
    render(<AskBox onAsk={ask} />)
    type('Why?')
    fireEvent.keyDown(box(), { key: 'Enter' })
    expect(ask).toHaveBeenCalledExactlyOnceWith('Why?', false)
    expect(box().value).toBe('')
  })

  it('keeps Shift+Enter and the Enter of an input method for the text', () => {
    const ask = vi.fn(() => true)
    render(<AskBox onAsk={ask} />)
    type('환')
    fireEvent.keyDown(box(), { key: 'Enter', shiftKey: true })
    fireEvent.keyDown(box(), { key: 'Enter', isComposing: true })
    expect(ask).not.toHaveBeenCalled()
  })

  it('counts, and refuses nothing and too much', () => {
    const ask = vi.fn(() => true)
    render(<AskBox onAsk={ask} />)
    const button = screen.getByTestId<HTMLButtonElement>('ask-send')
    expect(button.disabled).toBe(true)
    type('x'.repeat(2001))
    expect(screen.getByTestId('ask-count').textContent).toBe('2001 of 2000 characters')
    expect(button.disabled).toBe(true)
    fireEvent.keyDown(box(), { key: 'Enter' })
    expect(ask).not.toHaveBeenCalled()
  })

  it('keeps the text when it is not taken', () => {
    render(<AskBox onAsk={() => false} />)
    type('Why?')
    fireEvent.keyDown(box(), { key: 'Enter' })
    expect(box().value).toBe('Why?')
  })
})

it('own questions show their state, and a failed one can be tried again', () => {
  const own = (clientId: string, state: OwnQuestion['state']): OwnQuestion => ({
    clientId, id: null, content: clientId, state, error: state === 'failed' ? 'rate_limited' : null,
  })
  const again = vi.fn()
  render(<OwnQuestionList list={[own('a', 'pending'), own('b', 'answered'), own('c', 'failed')]} onAgain={again} />)
  const states = screen.getAllByTestId('own-question').map((item) => item.getAttribute('data-state'))
  expect(states).toEqual(['pending', 'answered', 'failed'])
  expect(screen.getByText('Not sent: Too many at once. Wait a moment.')).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(again).toHaveBeenCalledExactlyOnceWith('c')
})

it('both languages fill in the same names', () => {
  const names = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect([key, names(ko[key])]).toEqual([key, names(en[key])])
  }
})
