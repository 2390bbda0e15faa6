import { useId, useState } from 'react'
import type { FormEvent } from 'react'
import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Forum } from '../sdk'

/** Whether questions are approved first, and who assists. */
export function QuestionRules({ forum }: { forum: Forum }) {
  const { t } = useWords()
  const id = useId()
  const [email, setEmail] = useState('')
  const { moderation, assistants, problem } = useStore(forum.state)
  const appoint = (event: FormEvent) => {
    event.preventDefault()
    if (email.trim() !== '') void forum.appoint(email.trim()).then((done) => { if (done) setEmail('') })
  }
  return (
    <details className="rules" data-testid="question-rules">
      <summary>{t('forum.rules')}</summary>
      <div className="stack" style={{ gap: '0.6rem' }}>
        <label className="row check">
          <input
            type="checkbox"
            data-testid="moderation"
            checked={moderation}
            onChange={(event) => void forum.moderate(event.target.checked)}
          />
          {t('forum.moderation')}
        </label>
        <form className="row" onSubmit={appoint}>
          <label className="visually-hidden" htmlFor={id}>{t('forum.appoint.label')}</label>
          <input
            id={id}
            className="grow"
            type="email"
            data-testid="appoint-email"
            placeholder={t('forum.appoint.label')}
            value={email}
            onChange={(event) => { setEmail(event.target.value) }}
          />
          <button className="small" type="submit" data-testid="appoint">{t('forum.appoint')}</button>
        </form>
        <ul aria-label={t('forum.assistants')}>
          {assistants.map(({ memberId, name }) => (
            <li key={memberId} className="row" data-testid="assistant">
              <span className="grow">{name || t('forum.notyet')}</span>
              <button className="quiet small" onClick={() => void forum.dismiss(memberId)}>{t('forum.dismiss')}</button>
            </li>
          ))}
        </ul>
      </div>
      {problem && <p className="notice error" role="alert" data-testid="forum-problem">{t(errorKey(problem))}</p>}
    </details>
  )
}
