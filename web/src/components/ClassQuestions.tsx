import { useState } from 'react'
import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import { sorted } from '../sdk'
import type { Forum, ForumQuestion, Order } from '../sdk'
import { OrderToggle } from './OrderToggle'
import { QuestionMarks } from './QuestionMarks'
import { StaffTools } from './StaffTools'

function VoteButton({ question, forum }: { question: ForumQuestion; forum: Forum }) {
  const { t } = useWords()
  return (
    <button
      className="toggle small vote"
      data-testid="question-vote"
      aria-pressed={question.voted}
      aria-label={t('forum.vote', { text: question.content, n: question.votes })}
      onClick={() => void forum.vote(question.id, !question.voted)}
    >
      <span aria-hidden="true">▲</span>
      <span data-testid="question-votes">{question.votes}</span>
    </button>
  )
}

/** The lecture's questions for one of the class: voted for here, and answered here by an assistant. */
export function ClassQuestions({ forum }: { forum: Forum }) {
  const { t } = useWords()
  const [order, setOrder] = useState<Order>('time')
  const { questions, assistant, problem } = useStore(forum.state)
  return (
    <>
      <div className="side-head">
        <h2 id="class-questions">{t('forum.title')}</h2>
        {assistant && <span className="badge" data-testid="assistant-badge">{t('forum.assistant')}</span>}
        <span className="grow" />
        <OrderToggle order={order} onOrder={setOrder} />
      </div>
      {assistant && (
        <div className="side-tools">
          <button className="small" data-testid="claim-next" onClick={() => void forum.claim()}>{t('forum.claim.next')}</button>
        </div>
      )}
      {problem && <p className="notice error" role="alert" data-testid="forum-problem">{t(errorKey(problem))}</p>}
      <div className="scroll">
        {questions.length === 0 && <p className="soft">{t('forum.empty')}</p>}
        <ul aria-labelledby="class-questions">
          {sorted(questions, order).map((question) => (
            <li key={question.id} className="question" data-testid="class-question" data-id={question.id} data-shown={question.shown}>
              <VoteButton question={question} forum={forum} />
              <div className="grow stack" style={{ gap: '0.3rem' }}>
                <p>{question.content}</p>
                <QuestionMarks question={question} />
                {assistant && <StaffTools question={question} forum={forum} claims />}
              </div>
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}
