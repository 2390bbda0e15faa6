import { useWords } from '../i18n'
import type { ParticipantState } from '../sdk'
import { VideoView } from './VideoView'

/** The screen large and the camera small in its corner, or the camera alone. */
export function Stage({ sources, streams }: Pick<ParticipantState, 'sources' | 'streams'>) {
  const { t } = useWords()
  const { microphone, camera, screen } = sources
  return (
    <div className="stage" data-testid="stage-video" data-shows={screen ? 'screen' : camera ? 'camera' : 'none'}>
      <VideoView stream={streams?.screen ?? null} testId="screen-video" label={t('video.screen')} hidden={!screen} />
      <VideoView
        stream={streams?.camera ?? null}
        testId="camera-video"
        label={t('video.camera')}
        hidden={!camera}
        {...(screen ? { className: 'small-video' } : {})}
      />
      {!camera && !screen && <p data-testid="no-picture">{t(microphone ? 'video.none' : 'video.silent')}</p>}
    </div>
  )
}
