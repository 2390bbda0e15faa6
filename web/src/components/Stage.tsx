import { useRef } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Key } from '../i18n'
import type { Participant, ParticipantState, Source } from '../sdk'
import { Store } from '../sdk'
import { QUALITIES } from './quality'
import type { Quality } from './quality'
import { FullScreenButton } from './FullScreenButton'
import { useWindow } from './useWindow'
import { VideoView } from './VideoView'

type Shown = Pick<ParticipantState, 'sources' | 'streams'>

interface PaneProps extends Shown {
  participant: Participant
  source: Extract<Source, 'camera' | 'screen'>
  quality: Quality
}

/** One picture of the presenter's, as large as its link and its window take. */
function Pane({ participant, streams, source, sources, quality }: PaneProps) {
  const { t } = useWords()
  const { shown } = useStore(participant.floor.state)
  const box = useRef<HTMLDivElement>(null)
  const mid = participant.peer.midOf(source)
  useWindow(box, participant.floor, mid, quality, sources[source])
  const paused = mid !== null && shown[mid]?.paused === true && quality !== 'off'
  return (
    <div className={source === 'camera' && sources.screen ? 'pane small-video' : 'pane'} ref={box} hidden={!sources[source] || quality === 'off'}>
      <VideoView
        stream={streams?.[source] ?? null}
        testId={`${source}-video`}
        label={t(`video.${source}`)}
      />
      {paused && <p className="paused" data-testid="picture-paused">{t('video.narrow')}</p>}
    </div>
  )
}

/** How good pictures are to be; for this page alone. */
export function QualityPicker({ quality, onPick }: { quality: Quality; onPick: (quality: Quality) => void }) {
  const { t } = useWords()
  return (
    <label className="quality">
      <span className="visually-hidden">{t('quality.label')}</span>
      <select data-testid="quality" value={quality} onChange={(event) => { onPick(event.target.value as Quality) }}>
        {QUALITIES.map((one) => <option key={one} value={one}>{t(`quality.${one}`)}</option>)}
      </select>
    </label>
  )
}

/** Why nothing moves, where something should. */
function stillness({ presenterPresent, media }: ParticipantState): Key | null {
  if (!presenterPresent) return 'away.banner.plain'
  return media === 'connected' ? null : 'media.banner'
}

function Seen({ quality, still }: { quality: Quality; still: Key | null }) {
  const { t } = useWords()
  if (quality === 'off') return <p data-testid="picture-off">{t('video.off')}</p>
  return (
    <>
      {still && <p className="paused" data-testid="picture-still">{t(still)}</p>}
      <FullScreenButton of=".stage" />
    </>
  )
}

interface Props extends Shown {
  participant?: Participant
  quality?: Quality
}

const NOWHERE = new Store({})

/** The screen large and the camera small in its corner, or the camera alone. */
export function Stage({ sources, streams, participant, quality = 'best' }: Props) {
  const { t } = useWords()
  // A connection that was made anew has other sections.
  const now = useStore<Partial<ParticipantState>>(participant?.state ?? NOWHERE)
  const shows = sources.screen ? 'screen' : sources.camera ? 'camera' : 'none'
  return (
    <div className="stage" data-testid="stage-video" data-shows={shows}>
      {participant && (['screen', 'camera'] as const).map((source) => (
        <Pane key={source} participant={participant} sources={sources} streams={streams} source={source} quality={quality} />
      ))}
      {shows === 'none' ? <p data-testid="no-picture">{t(sources.microphone ? 'video.none' : 'video.silent')}</p> : <Seen quality={quality} still={participant ? stillness(now as ParticipantState) : null} />}
    </div>
  )
}
