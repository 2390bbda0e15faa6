import { useWords } from '../i18n'

/** A page that comes; `small`: a part of one. */
export function Loading({ text, small = false }: { text?: string; small?: boolean }) {
  const { t } = useWords()
  return (
    <div className={small ? 'centre part' : 'centre'} role="status" data-testid="loading">
      <div className="spinner" aria-hidden="true" />
      <p>{text ?? t('app.loading')}</p>
    </div>
  )
}
