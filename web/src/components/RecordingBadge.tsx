import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Recording } from '../sdk'

/** REC, for everybody; nothing while nothing is recorded. */
export function RecordingBadge({ recording }: { recording: Recording }) {
  const { t } = useWords()
  const { state } = useStore(recording.state)
  if (state === 'off') return null
  return (
    <span className="badge rec" role="status" data-testid="recording-badge" data-state={state === 'on' ? 'recording' : 'failed'}>
      <span className="dot" aria-hidden="true" />
      <span className="word" aria-hidden="true">{t('rec.badge')}</span>
      <span className="visually-hidden">{t(state === 'on' ? 'rec.on' : 'rec.paused')}</span>
    </span>
  )
}
