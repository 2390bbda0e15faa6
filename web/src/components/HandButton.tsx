import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Floor, LecternError, Source, Speaker } from '../sdk'

const LABELS = {
  microphone: { on: 'live.mic.on', off: 'floor.speak' },
  camera: { on: 'live.camera.on', off: 'live.camera.off' },
  screen: { on: 'live.screen.on', off: 'live.screen.off' },
} as const
const TEST_IDS: Record<Source, string> = { microphone: 'speak-now', camera: 'speak-camera', screen: 'speak-screen' }

function Trouble({ error }: { error: LecternError | null }) {
  const { t } = useWords()
  return error && <span className="soft" role="alert">{t(errorKey(error))}</span>
}

/** An invited participant's: what it sends to everyone, and the end of its turn. */
function TurnButtons({ floor, me }: { floor: Floor; me: Speaker }) {
  const { t } = useWords()
  const { on, error, problem } = useStore(floor.turn.state)
  return (
    <span className="row" data-testid="turn">
      {(['microphone', 'camera', 'screen'] as const).map((source) => (
        <button
          key={source}
          className={source === 'microphone' && !on[source] ? 'small primary' : 'small toggle'}
          data-testid={TEST_IDS[source]}
          aria-pressed={on[source]}
          onClick={() => void floor.turn.turn(source, !on[source])}
        >
          {t(on[source] ? LABELS[source].on : LABELS[source].off)}
        </button>
      ))}
      <button className="small" data-testid="speak-end" onClick={() => void floor.turn.yield()}>{t('floor.end')}</button>
      {me.muted.microphone?.includes('presenter') && <span className="soft" data-testid="muted-by-presenter">{t('floor.mutedby')}</span>}
      {problem ? <span className="soft" role="alert">{t(`device.${problem}`)}</span> : <Trouble error={error} />}
    </span>
  )
}

/** A participant's: raise a hand; once invited, send, and end the turn. */
export function HandButton({ floor }: { floor: Floor }) {
  const { t } = useWords()
  const { handUp, speakers, speakerId, error } = useStore(floor.state)
  const me = speakers.find((speaker) => speaker.id === speakerId)
  if (me) return <TurnButtons floor={floor} me={me} />
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
      <Trouble error={error} />
    </>
  )
}
