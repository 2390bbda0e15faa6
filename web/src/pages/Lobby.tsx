import { useMemo } from 'react'
import { useStore } from '../app'
import { DevicePicker } from '../components/DevicePicker'
import { Frame } from '../components/Frame'
import { LevelMeter } from '../components/LevelMeter'
import { VideoView } from '../components/VideoView'
import { CodeShare } from '../components/CodeShare'
import { useWords } from '../i18n'
import type { LectureCard, LocalMedia } from '../sdk'

interface Props {
  code: string
  card: LectureCard
  media: LocalMedia
  onStart: () => void
}

/** Before the lecture: what is sent, tried out. */
export function Lobby({ code, card, media, onStart }: Props) {
  const { t } = useWords()
  const { on, tracks, problems } = useStore(media.state)
  const preview = useMemo(() => (tracks.camera ? new MediaStream([tracks.camera]) : null), [tracks.camera])
  return (
    <Frame>
      <div className="stack" data-testid="lobby">
        <div className="row">
          <h1 className="grow">{card.title}</h1>
          <CodeShare code={code} />
        </div>
        <div className="two">
          <div className="stack">
            <div className="preview">
              {preview ? (
                <VideoView stream={preview} testId="camera-preview" label={t('lobby.preview')} />
              ) : (
                <span>{t('lobby.nopreview')}</span>
              )}
            </div>
            <p className="hint" aria-hidden="true">{t('lobby.level')}</p>
            <LevelMeter track={on.microphone ? tracks.microphone : null} />
          </div>
          <div className="panel stack">
            <h2>{t('lobby.title')}</h2>
            <DevicePicker media={media} kind="microphone" />
            <DevicePicker media={media} kind="camera" />
            <div className="field">
              <span className="label">{t('lobby.screen')}</span>
              <button
                className="toggle"
                data-testid="screen-choose"
                aria-pressed={on.screen}
                onClick={() => { if (on.screen) media.stop('screen'); else void media.start('screen') }}
              >
                {on.screen ? t('lobby.unshare') : t('lobby.share')}
              </button>
              {problems.screen && <p className="notice warn" role="alert">{t(`device.${problems.screen}`)}</p>}
            </div>
            <button className="primary" data-testid="start-lecture" onClick={onStart}>{t('lobby.start')}</button>
            <p className="hint">{t('lobby.none')}</p>
          </div>
        </div>
      </div>
    </Frame>
  )
}
