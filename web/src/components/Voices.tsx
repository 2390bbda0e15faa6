import { useEffect, useRef } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Floor, Speaker, Tile } from '../sdk'
import { QUALITY } from './quality'
import type { Quality } from './quality'
import { useWindow } from './useWindow'
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

interface PictureProps {
  floor: Floor
  tile: Tile
  speaker: Speaker
  quality: Quality
  active: boolean
}

function Picture({ floor, tile, speaker, quality, active }: PictureProps) {
  const { t } = useWords()
  const { shown } = useStore(floor.state)
  const box = useRef<HTMLElement>(null)
  useWindow(box, floor, tile.mid, quality)
  const label = t(tile.source === 'screen' ? 'floor.screen' : 'floor.picture', { name: speaker.name })
  const paused = tile.mid !== null && shown[tile.mid]?.paused === true
  return (
    <figure className="tile" data-testid="speaker-tile" data-owner={speaker.id} data-source={tile.source} data-active={active} data-paused={paused} ref={box}>
      <VideoView stream={tile.stream} testId="speaker-video" label={label} />
      <figcaption>{paused ? t('video.paused', { name: speaker.name }) : speaker.name}</figcaption>
    </figure>
  )
}

function carries(tile: Tile, speaker: Speaker | undefined): speaker is Speaker {
  return tile.source !== null && speaker?.sources[tile.source] === true && !(speaker.muted[tile.source]?.length)
}

/** Whoever speaks beside the presenter: heard, seen where there is a picture, and named. */
export function Voices({ floor, quality = 'best' }: { floor: Floor; quality?: Quality }) {
  const { t } = useWords()
  const { tiles, speakers, speaking } = useStore(floor.state)
  const owner = (tile: Tile) => speakers.find(({ id }) => id === tile.owner)
  const pictures = QUALITY[quality] === null ? [] : tiles.filter(({ kind }) => kind === 'video').flatMap((tile) => {
    const speaker = owner(tile)
    return carries(tile, speaker) ? [{ tile, speaker }] : []
  })
  const isSeen = (speaker: Speaker) => pictures.some(({ speaker: { id } }) => id === speaker.id)
  return (
    <div className="voices" data-testid="voices" data-speaking={speaking ?? ''}>
      {tiles.filter(({ kind }) => kind === 'audio').map((tile) => <Voice key={tile.key} stream={tile.stream} />)}
      {pictures.map(({ tile, speaker }) => (
        <Picture key={tile.key} floor={floor} tile={tile} speaker={speaker} quality={quality} active={speaker.id === speaking} />
      ))}
      {speakers.map((speaker) => (
        <span className={isSeen(speaker) ? 'visually-hidden' : 'badge'} data-testid="speaker-name" data-active={speaker.id === speaking} key={speaker.id}>
          {t(speaker.id === speaking ? 'floor.speaking' : 'floor.speaker', { name: speaker.name })}
        </span>
      ))}
    </div>
  )
}
