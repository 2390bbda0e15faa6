import { useWords } from '../i18n'

export function Loading({ text }: { text?: string }) {
  const { t } = useWords()
  return (
    <div className="centre" role="status" data-testid="loading">
      <div className="spinner" aria-hidden="true" />
      <p>{text ?? t('app.loading')}</p>
    </div>
  )
}
