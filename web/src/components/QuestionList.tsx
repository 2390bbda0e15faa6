import { useState } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import { sorted } from '../sdk'
import type { Forum, ForumQuestion, Order, Question } from '../sdk'
import { OrderToggle } from './OrderToggle'
import { QuestionMarks } from './QuestionMarks'
import { QuestionRules } from './QuestionRules'
import { StaffTools } from './StaffTools'

interface Props {
  questions: Question[]
  solving: ReadonlySet<string>
  solvedCount: number
  forum: Forum
  onSolve: (id: string) => void
}

/** A question as the forum knows it, or as little as its text and asker. */
function known(question: Question, forum: readonly ForumQuestion[]): ForumQuestion {
  return forum.find(({ id }) => id === question.id) ?? {
    ...question, anonymous: false, votes: 0, voted: false, mine: false, answered: false, answer: null,
    shown: 'visible', memberId: '', claimed: null,
  }
}

/** The presenter's open questions by time or votes, each with a box to tick it off. */
export function QuestionList({ questions, solving, solvedCount, forum, onSolve }: Props) {
  const { t } = useWords()
  const [order, setOrder] = useState<Order>('time')
  const { questions: all } = useStore(forum.state)
  const newest = questions.at(-1)
  const open = sorted(questions.map((question) => known(question, all)), order)
  return (
    <>
      <div className="side-head">
        <h2 id="questions-title">{t('questions.title')}</h2>
        <span className="badge" data-testid="question-count">{questions.length}</span>
        <span className="grow" />
        <OrderToggle order={order} onOrder={setOrder} />
      </div>
      <QuestionRules forum={forum} />
      <div className="visually-hidden" aria-live="polite">
        {newest ? t('questions.new', { text: newest.content }) : ''}
      </div>
      <div className="scroll">
        {questions.length === 0 && <p className="soft" data-testid="questions-empty">{t('questions.empty')}</p>}
        <ul aria-labelledby="questions-title">
          {open.map((question) => (
            <li key={question.id} className="question" data-testid="question-item" data-id={question.id} data-shown={question.shown}>
              <label className="tick">
                <input
                  type="checkbox"
                  data-testid="question-solve"
                  aria-label={t('questions.solve', { text: question.content })}
                  checked={solving.has(question.id)}
                  disabled={solving.has(question.id)}
                  onChange={() => { onSolve(question.id) }}
                />
              </label>
              <div className="grow stack" style={{ gap: '0.3rem' }}>
                <p>{question.content}</p>
                <QuestionMarks question={question} />
                <StaffTools question={question} forum={forum} claims={false} />
              </div>
              {question.votes > 0 && (
                <span className="badge" data-testid="question-votes" aria-label={t('forum.votes', { n: question.votes })}>
                  ▲ {question.votes}
                </span>
              )}
            </li>
          ))}
        </ul>
        {solvedCount > 0 && <p className="hint solved">{t('questions.answered', { n: solvedCount })}</p>}
      </div>
    </>
  )
}
