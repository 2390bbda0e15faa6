import { Link } from 'react-router'
import { useAccount, useApp, useStore, useTitle } from '../app'
import { Frame } from '../components/Frame'
import { useWords } from '../i18n'
import { CodeForm } from './CodeForm'

export function Landing() {
  const { t } = useWords()
  const account = useAccount()
  const { erased } = useStore(useApp().session.account)
  useTitle('')
  return (
    <Frame>
      <div className="narrow stack" data-testid="landing">
        {erased && <p className="notice" role="status" data-testid="erased">{t('landing.erased')}</p>}
        <div className="panel stack">
          <h1>{t('landing.title')}</h1>
          <CodeForm />
        </div>
        <div className="row" style={{ justifyContent: 'center' }}>
          <span className="soft">{t('landing.teach')}</span>
          {account ? (
            <Link to="/home" data-testid="to-home">{t('home.title')}</Link>
          ) : (
            <>
              <Link to="/signin" data-testid="to-signin">{t('auth.signin')}</Link>
              <Link to="/signup" data-testid="to-signup">{t('auth.signup')}</Link>
            </>
          )}
        </div>
      </div>
    </Frame>
  )
}
