import { useState } from 'react'
import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'
import type { LecternError } from '../sdk'
import type { RecordingCard, Summary } from '../sdk/replay/archive'
import type { Replay } from '../sdk/replay/replay'
import { useLeft } from './replayLeft'

/** What is not there yet, or not as it should be: said once, above everything, with what can be done about it. */
export function ReplayNotices({ replay, summary }: { replay: Replay; summary: Summary }) {
  const { t } = useWords()
  const { recording, listsError } = useStore(replay.state)
  const { error: boardError } = useStore(replay.board)
  return (
    <div className="banners">
      {summary.state === 'archiving' && <p className="notice" role="status" data-testid="replay-archiving">{t('replay.archiving')}</p>}
      {summary.state === 'incomplete' && <p className="notice warn" data-testid="replay-incomplete">{t('replay.incomplete')}</p>}
      {recording && <Making replay={replay} recording={recording} own={summary.is_owner} />}
      {boardError && (
        <p className="notice error" role="alert" data-testid="replay-board-error">
          {t('replay.board.failed')} {t(errorKey(boardError))}
          <button className="small" onClick={() => { replay.retryBoard() }}>{t('app.retry')}</button>
        </p>
      )}
      {listsError && (
        <p className="notice error" role="alert">
          {t('replay.lists.failed')} {t(errorKey(listsError))}
          <button className="small" onClick={() => { replay.retryLists() }}>{t('app.retry')}</button>
        </p>
      )}
    </div>
  )
}

interface MakingProps {
  replay: Replay
  recording: RecordingCard
  own: boolean
}

/** How far the recording is, while it is being made ready, or why it is not. */
function Making({ replay, recording, own }: MakingProps) {
  const { t } = useWords()
  const left = useLeft()
  const { state, percent, secondsLeft } = recording
  if (state === 'failed' || state === 'cancelled') {
    return (
      <div className="notice warn" role="status" data-testid="replay-making" data-state={state}>
        {t(state === 'failed' ? 'replay.recording.failed' : 'replay.recording.cancelled')}
        {own && <Act testId="replay-again" label={t('replay.recording.again')} what={() => replay.finaliseAgain()} />}
      </div>
    )
  }
  if (state !== 'live' && state !== 'waiting' && state !== 'running') return null
  return (
    <div className="notice" role="status" data-testid="replay-making" data-state={state}>
      {t('replay.recording.making')}
      {state === 'running' && <progress max={100} value={percent} aria-label={t('replay.recording.making')} />}
      {state === 'running' && <span data-testid="replay-percent">{percent} %{left(secondsLeft)}</span>}
      {own && state !== 'live' && <Act testId="replay-cancel" label={t('app.cancel')} what={() => replay.cancelFinalising()} />}
    </div>
  )
}

/** A button that asks for something, and says where that was refused. */
function Act({ testId, label, what }: { testId: string; label: string; what: () => Promise<void> }) {
  const { t } = useWords()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<LecternError | null>(null)
  const go = async () => {
    setBusy(true)
    setError(null)
    try {
      await what()
    } catch (raw) {
      setError(toError(raw))
    }
    setBusy(false)
  }
  return (
    <>
      <button className="small" disabled={busy} data-testid={testId} onClick={() => void go()}>{label}</button>
      {error && <span role="alert">{t(error.code === 'conflict' ? 'replay.recording.busy' : errorKey(error))}</span>}
    </>
  )
}
