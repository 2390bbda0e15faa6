import { useWords } from '../i18n'
import type { ForumQuestion } from '../sdk'

/** What there is to know of a question besides its text. */
export function QuestionMarks({ question }: { question: ForumQuestion }) {
  const { t } = useWords()
  const { name, anonymous, mine } = question
  const asker = anonymous ? (name && !mine ? t('forum.anonymous.known', { name }) : t('forum.anonymous')) : name
  return (
    <>
      <div className="row marks">
        <span className="hint" data-testid="question-asker">{mine ? t('forum.mine', { name: asker }) : asker}</span>
        {question.answered && <span className="badge" data-state="answered">{t('ask.answered')}</span>}
        {question.shown === 'waiting' && <span className="badge" data-state="pending">{t('forum.waiting')}</span>}
        {question.shown === 'hidden' && <span className="badge" data-state="failed">{t('forum.hidden')}</span>}
        {question.claimed && !question.answered && (
          <span className="badge" data-testid="question-claimed">{t('forum.claimed', { name: question.claimed.name })}</span>
        )}
      </div>
      {question.answer && (
        <blockquote className="answer" data-testid="question-answer-text">
          <p>{question.answer.content}</p>
          <span className="hint">{question.answer.name}</span>
        </blockquote>
      )}
    </>
  )
}
