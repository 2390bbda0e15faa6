import { useId, useState } from 'react'
import type { FormEvent, KeyboardEvent } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Forum, ForumQuestion } from '../sdk'

interface Props {
  question: ForumQuestion
  forum: Forum
  /** An assistant claims what it answers; the presenter need not. */
  claims: boolean
}

function AnswerForm({ question, forum, onClose }: { question: ForumQuestion; forum: Forum; onClose: () => void }) {
  const { t } = useWords()
  const id = useId()
  const [text, setText] = useState(question.answer?.content ?? '')
  const [busy, setBusy] = useState(false)
  const fits = text.trim() !== '' && text.trim().length <= 4000
  const send = () => {
    if (!fits || busy) return
    setBusy(true)
    void forum.answer(question.id, text.trim()).then((done) => {
      setBusy(false)
      if (done) onClose()
    })
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send()
  }
  const key = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return onClose()
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <form className="stack" style={{ gap: '0.4rem' }} onSubmit={submit}>
      <label className="visually-hidden" htmlFor={id}>{t('forum.answer.label', { text: question.content })}</label>
      <textarea
        id={id}
        data-testid="answer-input"
        rows={2}
        value={text}
        // The person has just asked for it.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        onChange={(event) => { setText(event.target.value) }}
        onKeyDown={key}
      />
      <div className="row">
        <button className="primary small" type="submit" data-testid="answer-send" disabled={!fits || busy}>
          {t('forum.answer.send')}
        </button>
        <button className="quiet small" type="button" onClick={onClose}>{t('app.cancel')}</button>
      </div>
    </form>
  )
}

/** What the presenter and the assistants do with one question. */
export function StaffTools({ question, forum, claims }: Props) {
  const { t } = useWords()
  const [answering, setAnswering] = useState(false)
  const { assistants } = useStore(forum.state)
  if (answering) return <AnswerForm question={question} forum={forum} onClose={() => { setAnswering(false) }} />
  const visible = question.shown === 'visible'
  return (
    <div className="row tools">
      {question.shown !== 'hidden' && (
        <button className="small" data-testid="question-answer" onClick={() => { setAnswering(true) }}>
          {t('forum.answer')}
        </button>
      )}
      {claims && !question.answered && !question.claimed && (
        <button className="small" data-testid="question-claim" onClick={() => void forum.claim(question.id)}>
          {t('forum.claim')}
        </button>
      )}
      <button
        className="quiet small"
        data-testid={visible ? 'question-hide' : 'question-approve'}
        onClick={() => void forum.show(question.id, !visible)}
      >
        {t(visible ? 'forum.hide' : 'forum.approve')}
      </button>
      {!claims && question.memberId && question.name && !assistants.some(({ memberId }) => memberId === question.memberId) && (
        <button
          className="quiet small"
          data-testid="appoint-author"
          onClick={() => void forum.appoint(question.memberId, question.name)}
        >
          {t('forum.appoint.author', { name: question.name })}
        </button>
      )}
    </div>
  )
}
