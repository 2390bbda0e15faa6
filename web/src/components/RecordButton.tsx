import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Recording } from '../sdk'

/** The presenter's: begin and stop recording. */
export function RecordButton({ recording }: { recording: Recording }) {
  const { t } = useWords()
  const { state, busy } = useStore(recording.state)
  const on = state !== 'off'
  return (
    <button
      className="toggle"
      data-testid="toggle-recording"
      aria-pressed={on}
      disabled={busy}
      onClick={() => void recording.switch(!on)}
    >
      {t(on ? 'rec.stop' : 'rec.start')}
    </button>
  )
}

/** What keeps the lecture from being recorded, for the presenter. */
export function RecordingTrouble({ recording }: { recording: Recording }) {
  const { t } = useWords()
  const { state, reason, error } = useStore(recording.state)
  return (
    <>
      {state === 'failed' && (
        <p className="notice error" role="alert" data-testid="recording-failed" data-reason={reason}>
          {t(reason === 'disk_full' ? 'rec.failed.disk' : 'rec.failed')}
        </p>
      )}
      {error && (
        <p className="notice error" role="alert" data-testid="recording-refused">
          {t(error.code === 'forbidden' ? 'rec.never' : errorKey(error))}
        </p>
      )}
    </>
  )
}
