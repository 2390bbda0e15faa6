import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Recording } from '../sdk'

/** Tells a participant that the lecture is recorded, as it joins or when that begins. */
export function RecordingNotice({ recording }: { recording: Recording }) {
  const { t } = useWords()
  const { state, noticed } = useStore(recording.state)
  if (state === 'off' || noticed) return null
  return (
    <p className="notice warn" data-testid="recording-notice">
      {t('rec.notice')}
      <button className="small" data-testid="recording-understood" onClick={() => { recording.understood() }}>
        {t('rec.understood')}
      </button>
    </p>
  )
}
