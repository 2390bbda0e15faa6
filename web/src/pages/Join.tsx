import { useTitle } from '../app'
import { Frame } from '../components/Frame'
import { useWords } from '../i18n'
import { CodeForm } from './CodeForm'

export function Join() {
  const { t } = useWords()
  useTitle(t('landing.title'))
  return (
    <Frame>
      <div className="narrow panel stack">
        <h1>{t('landing.title')}</h1>
        <CodeForm />
      </div>
    </Frame>
  )
}
