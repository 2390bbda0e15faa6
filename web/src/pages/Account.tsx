import { useState } from 'react'
import type { FormEvent } from 'react'
import { useAccount, useApp, useTitle } from '../app'
import { Field } from '../components/Field'
import { FormError } from '../components/FormError'
import { Frame } from '../components/Frame'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'

/** What is kept about a person: to be had as a file, and to be erased. */
export function Account() {
  const { t } = useWords()
  const account = useAccount()
  useTitle(t('account.title'))
  return (
    <Frame>
      <div className="stack" data-testid="account">
        <h1>{t('account.title')}</h1>
        <p className="soft">{account?.username} · {account?.email}</p>
        <Export />
        <Erase />
      </div>
    </Frame>
  )
}

function Export() {
  const { t } = useWords()
  const { rest } = useApp()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const save = async () => {
    setBusy(true)
    setError(null)
    try {
      const text = JSON.stringify(await rest.exportProfile(), null, 2)
      const link = document.createElement('a')
      link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
      link.download = 'lectern.json'
      link.click()
      URL.revokeObjectURL(link.href)
    } catch (raw) {
      setError(t(errorKey(toError(raw))))
    }
    setBusy(false)
  }
  return (
    <section className="panel stack">
      <h2>{t('account.export')}</h2>
      <p className="soft">{t('account.export.text')}</p>
      <FormError text={error} />
      <button disabled={busy} data-testid="account-export" onClick={() => void save()}>{t('account.export.save')}</button>
    </section>
  )
}

function Erase() {
  const { t } = useWords()
  const { rest, session } = useApp()
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await rest.deleteProfile(password)
      session.forget()
    } catch (raw) {
      const refusal = toError(raw)
      const own = { forbidden: 'account.erase.wrong', conflict: 'account.erase.live' } as const
      const key = refusal.code === 'forbidden' || refusal.code === 'conflict' ? own[refusal.code] : errorKey(refusal)
      setError(t(key))
      setBusy(false)
    }
  }
  return (
    <form className="panel stack" data-testid="account-erase" onSubmit={(event) => void submit(event)}>
      <h2>{t('account.erase')}</h2>
      <p>{t('account.erase.text')}</p>
      <Field
        label={t('auth.password')} type="password" autoComplete="current-password" required
        data-testid="account-password" value={password} onChange={(event) => { setPassword(event.target.value) }}
      />
      <FormError text={error} />
      <button className="danger" type="submit" disabled={busy || !password} data-testid="account-erase-submit">
        {t('account.erase.submit')}
      </button>
    </form>
  )
}
