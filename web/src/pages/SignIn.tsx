import { useState } from 'react'
import type { FormEvent } from 'react'
import { Link, Navigate, useLocation } from 'react-router'
import { useAccount, useApp, useTitle } from '../app'
import { Field } from '../components/Field'
import { FormError } from '../components/FormError'
import { Frame } from '../components/Frame'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'

/** Where a person came from, to be brought back there. */
export interface From {
  from?: string
  expired?: boolean
}

export function SignIn() {
  const { t } = useWords()
  const { rest, session } = useApp()
  const account = useAccount()
  const state = useLocation().state as From | null
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useTitle(t('auth.signin'))
  if (account) return <Navigate to={state?.from ?? '/home'} replace />
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      session.signIn(await rest.signIn(email.trim(), password))
    } catch (raw) {
      const { code } = toError(raw)
      setError(code === 'not_found' || code === 'unauthorized' ? t('auth.wrong') : t(errorKey({ code })))
      setBusy(false)
    }
  }
  return (
    <Frame>
      <form className="narrow panel stack" data-testid="signin-form" onSubmit={(event) => void submit(event)}>
        <h1>{t('auth.signin')}</h1>
        {state?.expired && <p className="notice warn" role="status">{t('auth.expired')}</p>}
        <Field label={t('auth.email')} type="email" autoComplete="email" required data-testid="signin-email"
          value={email} onChange={(event) => { setEmail(event.target.value) }} />
        <Field label={t('auth.password')} type="password" autoComplete="current-password" required
          data-testid="signin-password" value={password} onChange={(event) => { setPassword(event.target.value) }} />
        <FormError text={error} />
        <button className="primary" type="submit" disabled={busy} data-testid="signin-submit">
          {busy ? t('app.loading') : t('auth.signin')}
        </button>
        <p className="soft">{t('auth.need')} <Link to="/signup" state={state}>{t('auth.signup')}</Link></p>
      </form>
    </Frame>
  )
}
