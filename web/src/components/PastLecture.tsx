import { useState } from 'react'
import { Link } from 'react-router'
import { useAccount, useApp } from '../app'
import { errorKey, useWords } from '../i18n'
import type { Key } from '../i18n'
import { toError } from '../sdk'
import type { PastLecture as Lecture } from '../sdk'
import { Dialog } from './Dialog'
import { FormError } from './FormError'

const STATES: Partial<Record<string, Key>> = {
  archiving: 'home.past.archiving',
  ready: 'home.past.ready',
  incomplete: 'home.past.incomplete',
}

/** One lecture that is over: how far its record is, until when it is kept; its presenter may delete it. */
export function PastLecture({ lecture, onDeleted }: { lecture: Lecture; onDeleted: () => void }) {
  const { t, lang } = useWords()
  const account = useAccount()
  const [asking, setAsking] = useState(false)
  const when = lecture.ended_at ?? lecture.started_at ?? lecture.created_at
  const state = STATES[lecture.state ?? 'none']
  const own = account?.email === lecture.presenter_id.email
  return (
    <li className="panel card" data-testid="past-lecture" data-id={lecture._id} data-state={lecture.state}>
      <h3>{lecture.title || t('home.untitled')}</h3>
      {lecture.description && <p className="soft">{lecture.description}</p>}
      <p className="hint">
        {t('home.past.by', { name: lecture.presenter_id.username })}
        {when && ` · ${new Date(when).toLocaleString(lang, { dateStyle: 'medium', timeStyle: 'short' })}`}
      </p>
      {state && <p className="hint" data-testid="past-state">{t(state)}</p>}
      {lecture.expires_at && (
        <p className="hint" data-testid="past-expires">
          {t('home.past.expires', { day: new Date(lecture.expires_at).toLocaleDateString(lang, { dateStyle: 'medium' }) })}
        </p>
      )}
      <div className="row">
        <ToReplay lecture={lecture} />
        {own && (
          <button className="quiet small" data-testid="past-delete" onClick={() => { setAsking(true) }}>
            {t('home.past.delete')}
          </button>
        )}
      </div>
      {asking && <Delete lecture={lecture} onClose={() => { setAsking(false) }} onDeleted={onDeleted} />}
    </li>
  )
}

function ToReplay({ lecture: { _id: id, state = 'none' } }: { lecture: Lecture }) {
  const { t } = useWords()
  if (!STATES[state]) return null
  return <Link className="button small" to={`/replay/${id}`} data-testid="past-replay">{t('replay.watch')}</Link>
}

interface DeleteProps {
  lecture: Lecture
  onClose: () => void
  onDeleted: () => void
}

function Delete({ lecture, onClose, onDeleted }: DeleteProps) {
  const { t } = useWords()
  const { rest } = useApp()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const go = async () => {
    setBusy(true)
    setError(null)
    try {
      await rest.deleteLecture(lecture._id)
      onDeleted()
    } catch (raw) {
      setError(t(errorKey(toError(raw))))
      setBusy(false)
    }
  }
  return (
    <Dialog title={t('home.past.delete.title')} testId="delete-lecture" onClose={onClose}>
      <p>{t('home.past.delete.text', { title: lecture.title || t('home.untitled') })}</p>
      <FormError text={error} />
      <div className="row">
        <button className="danger" disabled={busy} data-testid="delete-lecture-confirm" onClick={() => void go()}>
          {t('home.past.delete')}
        </button>
        <button className="quiet" onClick={onClose}>{t('app.cancel')}</button>
      </div>
    </Dialog>
  )
}
