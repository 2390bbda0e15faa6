import { useState } from 'react'
import { clock, useNow, useStore } from '../app'
import { CodeShare } from '../components/CodeShare'
import { ConnectionBadge } from '../components/ConnectionBadge'
import { Dialog } from '../components/Dialog'
import { FiguresDialog } from '../components/FiguresDialog'
import { FormError } from '../components/FormError'
import { RecordingBadge } from '../components/RecordingBadge'
import { ProgramDialog } from '../components/ProgramDialog'
import { useWords } from '../i18n'
import type { Presenter } from '../sdk'

function EndDialog({ presenter, onClose }: { presenter: Presenter; onClose: () => void }) {
  const { t } = useWords()
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState(false)
  const end = () => {
    setBusy(true)
    setFailed(false)
    presenter.end().catch(() => {
      setBusy(false)
      setFailed(true)
    })
  }
  return (
    <Dialog title={t('live.end.title')} testId="end-dialog" onClose={onClose}>
      <p>{t('live.end.text')}</p>
      <FormError text={failed ? t('live.end.failed') : null} />
      <div className="row">
        <button data-testid="end-cancel" onClick={onClose}>{t('app.cancel')}</button>
        <button className="danger solid" data-testid="end-confirm" disabled={busy} onClick={end}>
          {t('live.end.confirm')}
        </button>
      </div>
    </Dialog>
  )
}

/** Title, code, listeners, time, connection, end. */
export function PresenterBar({ code, title, presenter }: { code: string; title: string; presenter: Presenter }) {
  const { t } = useWords()
  const { listeners, startTime, connection, media, program } = useStore(presenter.state)
  const now = useNow()
  const [ending, setEnding] = useState(false)
  const [open, setOpen] = useState<'figures' | 'program' | null>(null)
  const close = () => { setOpen(null) }
  const start = Date.parse(startTime ?? '')
  return (
    <header>
      <h1>{title}</h1>
      <CodeShare code={code} compact />
      <span className="badge" data-testid="listeners" data-count={listeners}>
        {t(listeners === 1 ? 'live.listeners.one' : 'live.listeners.many', { n: listeners })}
      </span>
      <span className="badge" data-testid="elapsed">
        <span className="visually-hidden">{t('live.elapsed')} </span>
        {Number.isNaN(start) ? '0:00' : clock(now - start)}
      </span>
      <RecordingBadge recording={presenter.recording} />
      <ConnectionBadge connection={connection} media={media} />
      <button className="small hide-small" data-testid="figures-open" onClick={() => { setOpen('figures') }}>{t('figures.open')}</button>
      <button className="small hide-small" data-testid="program-open" aria-pressed={program} onClick={() => { setOpen('program') }}>{t('program.open')}</button>
      <button className="danger small" data-testid="end-lecture" onClick={() => { setEnding(true) }}>{t('live.end')}</button>
      {open === 'figures' && <FiguresDialog figures={presenter.figures} onClose={close} />}
      {open === 'program' && <ProgramDialog code={code} live={program} onClose={close} />}
      {ending && <EndDialog presenter={presenter} onClose={() => { setEnding(false) }} />}
    </header>
  )
}
