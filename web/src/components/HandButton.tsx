import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Floor } from '../sdk'

/** A participant's: raise a hand; once invited, speak, mute, and end the turn. */
export function HandButton({ floor }: { floor: Floor }) {
  const { t } = useWords()
  const { handUp, speakers, speakerId, sending, error } = useStore(floor.state)
  const me = speakers.find((speaker) => speaker.id === speakerId)
  const trouble = error && <span className="soft" role="alert">{t(errorKey(error))}</span>
  if (!me) {
    return (
      <>
        <button
          className="small toggle"
          data-testid="hand-toggle"
          aria-pressed={handUp}
          onClick={() => void floor.hand(!handUp)}
        >
          {t(handUp ? 'floor.lower' : 'floor.raise')}
        </button>
        {trouble}
      </>
    )
  }
  const muted = me.muted.microphone?.includes('owner') ?? false
  return (
    <>
      {sending ? (
        <button
          className="small toggle"
          data-testid="own-mute"
          aria-pressed={muted}
          onClick={() => void floor.mute('microphone', !muted)}
        >
          {t(muted ? 'floor.unmute' : 'floor.mute')}
        </button>
      ) : (
        <button className="small primary" data-testid="speak-now" onClick={() => void floor.speak()}>
          {t('floor.speak')}
        </button>
      )}
      <button className="small" data-testid="speak-end" onClick={() => void floor.yield()}>{t('floor.end')}</button>
      {trouble}
    </>
  )
}
