import { Link } from 'react-router'
import { useTitle } from '../app'
import { Frame } from '../components/Frame'
import { useWords } from '../i18n'

export function NotFound() {
  const { t } = useWords()
  useTitle(t('notfound.title'))
  return (
    <Frame>
      <div className="centre" data-testid="not-found">
        <h1>{t('notfound.title')}</h1>
        <p className="soft">{t('notfound.text')}</p>
        <Link className="button primary" to="/">{t('app.home')}</Link>
      </div>
    </Frame>
  )
}
