import { useId, useState } from 'react'
import type { FormEvent, KeyboardEvent } from 'react'
import { useWords } from '../i18n'
import { MAX_QUESTION } from '../sdk'

/** Enter asks, Shift+Enter makes a new line. `onAsk` answers false where it refuses the text. */
export function AskBox({ onAsk }: { onAsk: (text: string, anonymous: boolean) => boolean }) {
  const { t } = useWords()
  const id = useId()
  const [text, setText] = useState('')
  const [anonymous, setAnonymous] = useState(false)
  const length = text.trim().length
  const fits = length > 0 && length <= MAX_QUESTION
  const ask = () => {
    if (fits && onAsk(text, anonymous)) setText('')
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask()
  }
  const key = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    ask()
  }
  return (
    <form className="ask" data-testid="ask-form" onSubmit={submit}>
      <label htmlFor={id}>{t('ask.label')}</label>
      <textarea
        id={id}
        data-testid="ask-input"
        rows={2}
        value={text}
        placeholder={t('ask.placeholder')}
        aria-describedby={`${id}-count`}
        aria-invalid={length > MAX_QUESTION}
        onChange={(event) => { setText(event.target.value) }}
        onKeyDown={key}
      />
      <label className="row check">
        <input
          type="checkbox"
          data-testid="ask-anonymous"
          checked={anonymous}
          onChange={(event) => { setAnonymous(event.target.checked) }}
        />
        <span className="hint">{t('ask.anonymous')}</span>
      </label>
      <div className="row">
        <span id={`${id}-count`} className="hint grow" data-testid="ask-count">
          {t('ask.count', { n: length, max: MAX_QUESTION })}
        </span>
        <button className="primary small" type="submit" data-testid="ask-send" disabled={!fits}>{t('ask.send')}</button>
      </div>
    </form>
  )
}
