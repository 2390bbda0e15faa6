import { useWords } from '../i18n'
import type { Question } from '../sdk'

interface Props {
  questions: Question[]
  solving: ReadonlySet<string>
  solvedCount: number
  onSolve: (id: string) => void
}

/** The presenter's open questions, oldest first, each with a box to tick it off. */
export function QuestionList({ questions, solving, solvedCount, onSolve }: Props) {
  const { t } = useWords()
  const newest = questions.at(-1)
  return (
    <>
      <div className="side-head">
        <h2 id="questions-title">{t('questions.title')}</h2>
        <span className="badge" data-testid="question-count">{questions.length}</span>
        {solvedCount > 0 && <span className="hint">{t('questions.answered', { n: solvedCount })}</span>}
      </div>
      <div className="visually-hidden" aria-live="polite">
        {newest ? t('questions.new', { text: newest.content }) : ''}
      </div>
      <div className="scroll">
        {questions.length === 0 && <p className="soft" data-testid="questions-empty">{t('questions.empty')}</p>}
        <ul aria-labelledby="questions-title">
          {questions.map((question) => (
            <li key={question.id} className="question" data-testid="question-item" data-id={question.id}>
              <input
                type="checkbox"
                data-testid="question-solve"
                aria-label={t('questions.solve', { text: question.content })}
                checked={solving.has(question.id)}
                disabled={solving.has(question.id)}
                onChange={() => { onSolve(question.id) }}
              />
              <div className="grow">
                <p>{question.content}</p>
                {question.name && <span className="hint">{question.name}</span>}
              </div>
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}
