import { useId, useState } from 'react'
import type { FormEvent } from 'react'
import { useNavigate } from 'react-router'
import { FormError } from '../components/FormError'
import { useWords } from '../i18n'
import { readCode } from '../sdk'

/** Six digits, large; a pasted link or digits with spaces do as well. */
export function CodeForm() {
  const { t } = useWords()
  const id = useId()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const code = readCode(text)
    setWrong(code === null)
    if (code !== null) void navigate(`/join/${code}`)
  }
  return (
    <form className="stack" data-testid="join-form" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor={id}>{t('landing.code')}</label>
        <input
          id={id}
          className="code-input"
          data-testid="join-code"
          inputMode="numeric"
          autoComplete="off"
          placeholder="000000"
          value={text}
          aria-invalid={wrong}
          onChange={(event) => {
            const pasted = readCode(event.target.value)
            setText(pasted ?? event.target.value)
            setWrong(false)
          }}
        />
      </div>
      <FormError text={wrong ? t('landing.badcode') : null} />
      <button className="primary" type="submit" data-testid="join-submit">{t('landing.join')}</button>
    </form>
  )
}
