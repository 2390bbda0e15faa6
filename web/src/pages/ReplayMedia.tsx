import { useEffect, useRef, useState } from 'react'
import type { RefObject } from 'react'
import { useStore } from '../app'
import { FullScreenButton } from '../components/FullScreenButton'
import { useWords } from '../i18n'
import { SOON_MS, picturesAt, soundsOf } from '../sdk/replay/players'
import { isMade } from '../sdk/replay/archive'
import type { RecordingFile } from '../sdk/replay/archive'
import type { Replay } from '../sdk/replay/replay'
import { usePlayed } from './replayed'

export interface Volume {
  level: number
  muted: boolean
}

const TRIES = 3
const RETRY_MS = 1_500

/**
 * The address of a file, and what to do when it cannot be read: a link that has ended is asked for anew, a
 * few times. `failed`: it stays away.
 */
function useLink(replay: Replay, file: RecordingFile) {
  const [url, setUrl] = useState(file.url)
  const [failed, setFailed] = useState(false)
  const tries = useRef(0)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => { clearTimeout(timer.current) }, [])
  const again = async () => {
    await replay.renew()
    const fresh = replay.state.get().recording?.files.find(({ name }) => name === file.name)?.url ?? file.url
    // The same address again is no change to the element: it is made one.
    setUrl((now) => (now === fresh ? `${fresh}#${String(Date.now())}` : fresh))
  }
  return {
    url,
    failed,
    onError: () => {
      if (tries.current >= TRIES) {
        setFailed(true)
        return
      }
      timer.current = setTimeout(() => void again(), tries.current === 0 ? 0 : RETRY_MS)
      tries.current += 1
    },
    onLoaded: () => {
      tries.current = 0
      setFailed(false)
    },
    retry: () => {
      tries.current = 0
      setFailed(false)
      void again()
    },
  }
}

/** A file that was made anew, from segments that came late, is another one. */
const version = ({ name, bytes }: RecordingFile): string => `${name}:${String(bytes)}`

/** Puts an element on the replay's clock. */
function usePlayer(replay: Replay, file: RecordingFile, ref: RefObject<HTMLMediaElement | null>): void {
  const { name, start, end } = file
  const latest = useRef(file)
  useEffect(() => { latest.current = file })
  useEffect(() => {
    if (ref.current) return replay.players.add({ file: latest.current, element: ref.current })
  }, [replay, ref, name, start, end])
}

function Sound({ replay, file, volume }: { replay: Replay; file: RecordingFile; volume: Volume }) {
  const { t } = useWords()
  const ref = useRef<HTMLAudioElement>(null)
  const { url, failed, onError, onLoaded, retry } = useLink(replay, file)
  usePlayer(replay, file, ref)
  useEffect(() => {
    if (ref.current) ref.current.volume = volume.level
  }, [volume.level])
  return (
    <>
      {/* Captions are in the page: they also go with a board alone. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
      <audio
        ref={ref} src={url} preload="auto" muted={volume.muted} data-testid="replay-sound" data-file={file.name}
        onError={onError} onLoadedMetadata={onLoaded}
      />
      {failed && (
        <p className="notice error row" role="alert" data-testid="replay-sound-failed">
          {t('replay.sound.failed')} <button className="small" onClick={retry}>{t('app.retry')}</button>
        </p>
      )}
    </>
  )
}

/** What is heard: everybody's sound. */
export function Sounds({ replay, files, volume }: { replay: Replay; files: RecordingFile[]; volume: Volume }) {
  return soundsOf(files).map((file) => <Sound key={version(file)} replay={replay} file={file} volume={volume} />)
}

function Picture({ replay, file, small }: { replay: Replay; file: RecordingFile; small: boolean }) {
  const { t } = useWords()
  const ref = useRef<HTMLVideoElement>(null)
  const { url, failed, onError, onLoaded, retry } = useLink(replay, file)
  usePlayer(replay, file, ref)
  const hidden = usePlayed(replay, ({ at }) => !file.active.some(([begin, end]) => begin <= at && at < end))
  const label = file.publisher === 'presenter' && file.source === 'screen' ? t('video.screen') : t('video.camera')
  return (
    <div className={small ? 'pane small-video' : 'pane'} hidden={hidden}>
      <video
        ref={ref} src={url} preload="auto" muted playsInline aria-label={label}
        data-testid={`replay-${file.publisher === 'presenter' ? file.source : 'speaker'}`} data-file={file.name}
        onError={onError} onLoadedMetadata={onLoaded}
      />
      {failed && (
        <p className="paused" role="alert">
          {t('replay.picture.failed')} <button className="small" onClick={retry}>{t('app.retry')}</button>
        </p>
      )}
    </div>
  )
}

/** What is seen at this moment: a screen large, faces small beside it. What comes next is loaded already. */
export function Pictures({ replay, files }: { replay: Replay; files: RecordingFile[] }) {
  const { t } = useWords()
  const { recording } = useStore(replay.state)
  const names = usePlayed(replay, ({ at }) => picturesAt(files, at, SOON_MS).map(({ name }) => name).join('/'))
  const first = usePlayed(replay, ({ at }) => picturesAt(files, at)[0]?.name ?? '')
  const seen = names === '' ? [] : names.split('/').flatMap((name) => files.filter((file) => file.name === name))
  const small = seen.filter(({ name }) => name !== first)
  return (
    <div className="stage" data-testid="replay-stage" data-shown={first !== ''}>
      {seen.map((file) => {
        const place = small.indexOf(file)
        return (
          <div key={version(file)} style={{ '--place': Math.max(0, place) } as React.CSSProperties}>
            <Picture replay={replay} file={file} small={place >= 0} />
          </div>
        )
      })}
      {first !== '' && <FullScreenButton of=".stage" />}
      {first === '' && <p className="soft">{t(recording?.files.length ? 'replay.nopicture' : isMade(recording) ? 'replay.norecording' : 'replay.recording.making')}</p>}
    </div>
  )
}
