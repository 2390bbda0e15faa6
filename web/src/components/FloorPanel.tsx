import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Floor, Speaker } from '../sdk'

function SpeakerRow({ floor, speaker }: { floor: Floor; speaker: Speaker }) {
  const { t } = useWords()
  const muted = speaker.muted.microphone?.includes('presenter') ?? false
  return (
    <li data-testid="speaker-item">
      <span>{speaker.name}</span>
      <button
        className="small toggle"
        data-testid="speaker-mute"
        aria-pressed={muted}
        onClick={() => void floor.mute('microphone', !muted, speaker.id)}
      >
        {t(muted ? 'floor.unmute' : 'floor.mute')}
      </button>
      <button className="small" data-testid="speaker-uninvite" onClick={() => void floor.uninvite(speaker.id)}>
        {t('floor.uninvite')}
      </button>
    </li>
  )
}

/** The presenter's: whose hand is up, and who may speak. Nothing while that is nobody. */
export function FloorPanel({ floor }: { floor: Floor }) {
  const { t } = useWords()
  const { hands, speakers, error } = useStore(floor.state)
  if (hands.length === 0 && speakers.length === 0) return null
  return (
    <div className="floor" data-testid="floor-panel">
      <h2>{t('floor.title')}</h2>
      {error && <p className="notice error">{t(errorKey(error))}</p>}
      <ul aria-live="polite">
        {hands.map((hand) => (
          <li key={hand.id} data-testid="hand-item">
            <span>{t('floor.hand', { name: hand.name })}</span>
            <button className="small primary" data-testid="hand-invite" onClick={() => void floor.invite(hand.id)}>
              {t('floor.invite')}
            </button>
          </li>
        ))}
        {speakers.map((speaker) => <SpeakerRow key={speaker.id} floor={floor} speaker={speaker} />)}
      </ul>
    </div>
  )
}
