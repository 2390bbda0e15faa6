import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useAccount, useApp } from '../app'
import { useWords } from '../i18n'
import type { Lang } from '../i18n'

export function Logo() {
  const account = useAccount()
  return (
    <Link className="logo" to={account ? '/home' : '/'}>
      <img src="/icon.svg" alt="" />
      Lectern
    </Link>
  )
}

/** Header, content and footer of the pages that are not a live lecture. */
export function Frame({ children }: { children: ReactNode }) {
  const { t, lang, setLang } = useWords()
  const { session } = useApp()
  const account = useAccount()
  return (
    <div className="frame">
      <a className="skip" href="#content">{t('app.skip')}</a>
      <header>
        <Logo />
        {account && (
          <div className="row">
            <Link className="soft hide-small" to="/account" data-testid="account-name">
              {t('app.you', { name: account.username })}
            </Link>
            <Link className="button quiet small" to="/account" data-testid="account-link">{t('account.link')}</Link>
            <button className="quiet small" data-testid="signout" onClick={() => { session.signOut() }}>
              {t('app.signout')}
            </button>
          </div>
        )}
      </header>
      <main id="content" tabIndex={-1}>{children}</main>
      <footer>
        <span>{t('app.tagline')}</span>
        <label className="row">
          <span className="visually-hidden">{t('app.language')}</span>
          <select data-testid="language" value={lang} onChange={(event) => { setLang(event.target.value as Lang) }}>
            <option value="en">English</option>
            <option value="ko">한국어</option>
          </select>
        </label>
      </footer>
    </div>
  )
}
