import { useWords } from '../i18n'

/** An estimate in words. */
export function useLeft(): (seconds: number | null) => string {
  const { t } = useWords()
  return (seconds) => {
    if (seconds === null) return ''
    if (seconds >= 90) return ` · ${t('replay.left.minutes', { count: Math.round(seconds / 60) })}`
    return ` · ${t('replay.left.seconds', { count: Math.max(1, Math.round(seconds)) })}`
  }
}
