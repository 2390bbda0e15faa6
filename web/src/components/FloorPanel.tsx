import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Floor, Source, Speaker } from '../sdk'

const MUTES = { microphone: 'floor.mute', camera: 'floor.mute.camera', screen: 'floor.mute.screen' } as const
const UNMUTES = { microphone: 'floor.unmute', camera: 'floor.unmute.camera', screen: 'floor.unmute.screen' } as const

function Mute({ floor, speaker, source }: { floor: Floor; speaker: Speaker; source: Source }) {
  const { t } = useWords()
  const muted = speaker.muted[source]?.includes('presenter') ?? false
  return (
    <button
      className="small toggle"
      data-testid={source === 'microphone' ? 'speaker-mute' : `speaker-mute-${source}`}
      aria-pressed={muted}
      onClick={() => void floor.mute(source, !muted, speaker.id)}
    >
      {t(muted ? UNMUTES[source] : MUTES[source])}
    </button>
  )
}

/** −60 dBov is empty, 0 is full; silence is absent. */
function Level({ dbov }: { dbov: number | undefined }) {
  const share = dbov === undefined ? 0 : Math.max(0, Math.min(1, 1 + dbov / 60))
  return <span className="level" aria-hidden="true" data-testid="speaker-level" style={{ '--level': share.toFixed(2) } as React.CSSProperties} />
}

function SpeakerRow({ floor, speaker, level }: { floor: Floor; speaker: Speaker; level: number | undefined }) {
  const { t } = useWords()
  return (
    <li className="row" data-testid="speaker-item">
      <Level dbov={level} />
      <span className="grow">{speaker.name}</span>
      <Mute floor={floor} speaker={speaker} source="microphone" />
      {(['camera', 'screen'] as const).map((source) => speaker.sources[source] && (
        <Mute key={source} floor={floor} speaker={speaker} source={source} />
      ))}
      <button className="small" data-testid="speaker-uninvite" onClick={() => void floor.uninvite(speaker.id)}>
        {t('floor.uninvite')}
      </button>
    </li>
  )
}

/** The presenter's: whose hand is up, and who may speak. Nothing while that is nobody. */
export function FloorPanel({ floor }: { floor: Floor }) {
  const { t } = useWords()
  const { hands, speakers, levels, error } = useStore(floor.state)
  if (hands.length === 0 && speakers.length === 0) return null
  return (
    <div className="floor" data-testid="floor-panel">
      <h2>{t('floor.title')}</h2>
      {error && <p className="notice error">{t(errorKey(error))}</p>}
      <ul aria-live="polite">
        {hands.map((hand) => (
          <li key={hand.id} className="row" data-testid="hand-item">
            <span className="grow">{t('floor.hand', { name: hand.name })}</span>
            <button className="small primary" data-testid="hand-invite" onClick={() => void floor.invite(hand.id)}>
              {t('floor.invite')}
            </button>
          </li>
        ))}
        {speakers.map((speaker) => (
          <SpeakerRow key={speaker.id} floor={floor} speaker={speaker} level={levels[speaker.id]} />
        ))}
      </ul>
    </div>
  )
}
