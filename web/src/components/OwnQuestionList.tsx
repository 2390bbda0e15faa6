import { errorKey, useWords } from '../i18n'
import type { OwnQuestion } from '../sdk'

interface Props {
  list: OwnQuestion[]
  onAgain: (clientId: string) => void
}

/** What this participant asked, and what became of it. */
export function OwnQuestionList({ list, onAgain }: Props) {
  const { t } = useWords()
  const label = (question: OwnQuestion) => {
    if (question.state !== 'failed') return t(`ask.${question.state}`)
    return t('ask.failed', { why: t(errorKey({ code: question.error ?? 'internal' })) })
  }
  return (
    <div className="scroll" aria-live="polite">
      {list.length === 0 && <p className="soft">{t('ask.own.empty')}</p>}
      <ul aria-label={t('ask.own')}>
        {list.map((question) => (
          <li key={question.clientId} className="question" data-testid="own-question" data-state={question.state}>
            <div className="grow stack" style={{ gap: '0.3rem' }}>
              <p>{question.content}</p>
              <div className="row">
                <span className="badge" data-state={question.state}>{label(question)}</span>
                {question.state === 'failed' && (
                  <button className="quiet small" onClick={() => { onAgain(question.clientId) }}>{t('app.retry')}</button>
                )}
              </div>
            </div>
          </li>
        ))}
      </ul>
    </div>
  )
}
