import { useEffect, useRef } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Floor } from '../sdk'
import { VideoView } from './VideoView'

function Voice({ stream }: { stream: MediaStream }) {
  const ref = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    if (!ref.current || ref.current.srcObject === stream) return
    ref.current.srcObject = stream
    void ref.current.play().catch(() => undefined)
  }, [stream])
  // Live speech: there is no caption track to name.
  // eslint-disable-next-line jsx-a11y/media-has-caption
  return <audio ref={ref} data-testid="voice" autoPlay />
}

/** Whoever speaks beside the presenter: heard, seen where there is a picture, and named. */
export function Voices({ floor }: { floor: Floor }) {
  const { t } = useWords()
  const { voices, pictures, speakers, speaking } = useStore(floor.state)
  const shown = speakers.some((speaker) => speaker.sources.camera || speaker.sources.screen)
  return (
    <div className="voices" data-testid="voices" data-speaking={speaking ?? ''}>
      {voices.map((stream) => <Voice key={stream.id} stream={stream} />)}
      {shown && pictures.map((stream) => (
        <VideoView key={stream.id} stream={stream} testId="speaker-video" label={t('floor.picture')} />
      ))}
      {speakers.map((speaker) => (
        <span className="badge" data-testid="speaker-name" data-active={speaker.id === speaking} key={speaker.id}>
          {t(speaker.id === speaking ? 'floor.speaking' : 'floor.speaker', { name: speaker.name })}
        </span>
      ))}
    </div>
  )
}
