import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { useApp, useStore, useTitle } from '../app'
import { errorKey, useWords } from '../i18n'
import type { LecternError } from '../sdk'
import { Replay as Replaying } from '../sdk/replay/replay'
import { Archive } from '../sdk/replay/archive'
import { Message } from './Message'
import { ReplayRoom } from './ReplayRoom'

/** A lecture that is over, to be seen again by those who gave or attended it. */
export default function Replay() {
  const { lectureId = '' } = useParams()
  return <ReplayOf key={lectureId} id={lectureId} />
}

function ReplayOf({ id }: { id: string }) {
  const { t } = useWords()
  const { rest } = useApp()
  const [replay, setReplay] = useState<Replaying | null>(null)
  useEffect(() => {
    const made = new Replaying(new Archive(rest, id))
    const begin = setTimeout(() => {
      setReplay(made)
      void made.open()
    }, 0)
    return () => {
      clearTimeout(begin)
      made.close()
    }
  }, [rest, id])
  if (!replay) return <Message testId="replay-loading" busy title={t('replay.title')} text={t('replay.loading')} />
  return <Opened replay={replay} />
}

function Opened({ replay }: { replay: Replaying }) {
  const { t } = useWords()
  const { summary, error, recording } = useStore(replay.state)
  useTitle(summary ? t('replay.of', { title: summary.title }) : t('replay.title'))
  const home = <Link className="button" to="/home">{t('replay.home')}</Link>
  if (error) return <Refused error={error} onRetry={() => void replay.open()}>{home}</Refused>
  if (!summary) return <Message testId="replay-loading" busy title={t('replay.title')} text={t('replay.loading')} />
  if (summary.state === 'live') return <Message testId="replay-live" busy title={t('replay.live')} text={t('replay.live.text')}>{home}</Message>
  if (summary.state === 'none' && !recording?.files.length) {
    return <Message testId="replay-none" title={t('replay.none')} text={t('replay.none.text')}>{home}</Message>
  }
  return <ReplayRoom replay={replay} summary={summary} />
}

/** Why there is no replay, and what can be done about it. */
function Refused({ error, onRetry, children }: { error: LecternError; onRetry: () => void; children: ReactNode }) {
  const { t } = useWords()
  if (error.code === 'forbidden') {
    return <Message testId="replay-forbidden" title={t('replay.forbidden')} text={t('replay.forbidden.text')}>{children}</Message>
  }
  if (error.code === 'not_found') return <Message testId="replay-missing" title={t('replay.missing')}>{children}</Message>
  return (
    <Message testId="replay-refused" title={t(errorKey(error))}>
      <button className="primary" data-testid="replay-retry" onClick={onRetry}>{t('app.retry')}</button>
      {children}
    </Message>
  )
}
