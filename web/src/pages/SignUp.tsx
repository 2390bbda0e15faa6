import { useState } from 'react'
import type { FormEvent } from 'react'
import { Link, Navigate, useLocation } from 'react-router'
import { useAccount, useApp, useTitle } from '../app'
import { Field } from '../components/Field'
import { FormError } from '../components/FormError'
import { Frame } from '../components/Frame'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'
import type { From } from './SignIn'

/** Makes an account and signs in with it at once. */
export function SignUp() {
  const { t } = useWords()
  const { rest, session } = useApp()
  const account = useAccount()
  const state = useLocation().state as From | null
  const [username, setUsername] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useTitle(t('auth.signup'))
  if (account) return <Navigate to={state?.from ?? '/home'} replace />
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await rest.signUp(username.trim(), email.trim(), password)
      session.signIn(await rest.signIn(email.trim(), password))
    } catch (raw) {
      const { code } = toError(raw)
      setError(code === 'conflict' ? t('auth.taken') : t(errorKey({ code })))
      setBusy(false)
    }
  }
  return (
    <Frame>
      <form className="narrow panel stack" data-testid="signup-form" onSubmit={(event) => void submit(event)}>
        <h1>{t('auth.signup')}</h1>
        <Field label={t('auth.username')} autoComplete="name" required maxLength={60} data-testid="signup-username"
          value={username} onChange={(event) => { setUsername(event.target.value) }} />
        <Field label={t('auth.email')} type="email" autoComplete="email" required data-testid="signup-email"
          value={email} onChange={(event) => { setEmail(event.target.value) }} />
        <Field label={t('auth.password')} hint={t('auth.password.hint')} type="password" autoComplete="new-password"
          required minLength={8} data-testid="signup-password" value={password}
          onChange={(event) => { setPassword(event.target.value) }} />
        <FormError text={error} />
        <button className="primary" type="submit" disabled={busy} data-testid="signup-submit">
          {busy ? t('app.loading') : t('auth.signup')}
        </button>
        <p className="soft">{t('auth.have')} <Link to="/signin" state={state}>{t('auth.signin')}</Link></p>
      </form>
    </Frame>
  )
}
