import { useCallback, useEffect, useState } from 'react'
import type { FormEvent } from 'react'
import { Link } from 'react-router'
import { useAccount, useApp, useTitle } from '../app'
import { CodeShare } from '../components/CodeShare'
import { Field } from '../components/Field'
import { FormError } from '../components/FormError'
import { Frame } from '../components/Frame'
import { Loading } from '../components/Loading'
import { PastLecture } from '../components/PastLecture'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'
import type { OpenLecture, PastLecture as Past } from '../sdk'

interface Lists {
  open: OpenLecture[]
  past: Past[]
}

function Create({ onCreated }: { onCreated: () => void }) {
  const { t } = useWords()
  const { rest } = useApp()
  const account = useAccount()
  const [title, setTitle] = useState('')
  const [description, setDescription] = useState('')
  const [record, setRecord] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await rest.createLecture(title.trim(), description.trim(), account?.email ?? '', record || undefined)
      setTitle('')
      setDescription('')
      onCreated()
    } catch (raw) {
      setError(t(errorKey(toError(raw))))
    }
    setBusy(false)
  }
  return (
    <form className="panel stack" data-testid="create-lecture" onSubmit={(event) => void submit(event)}>
      <h2>{t('home.create')}</h2>
      <Field label={t('home.create.title')} required maxLength={200} data-testid="create-title"
        value={title} onChange={(event) => { setTitle(event.target.value) }} />
      <Field label={t('home.create.description')} maxLength={2000} data-testid="create-description"
        value={description} onChange={(event) => { setDescription(event.target.value) }} />
      <label className="row check">
        <input type="checkbox" data-testid="create-record" checked={record}
          onChange={(event) => { setRecord(event.target.checked) }} />
        <span>{t('home.create.record')}</span>
      </label>
      <FormError text={error} />
      <button className="primary" type="submit" disabled={busy} data-testid="create-submit">
        {t('home.create.submit')}
      </button>
    </form>
  )
}

function OpenCard({ lecture }: { lecture: OpenLecture }) {
  const { t } = useWords()
  return (
    <li className="panel card" data-testid="open-lecture" data-code={lecture.code}>
      <h3>{lecture.title || t('home.untitled')}</h3>
      {lecture.description && <p className="soft">{lecture.description}</p>}
      <CodeShare code={lecture.code} />
      <Link className="button primary" to={`/present/${lecture.code}`} data-testid="open-lobby">
        {lecture.started_at ? t('home.resume') : t('home.start')}
      </Link>
    </li>
  )
}

export function Home() {
  const { t } = useWords()
  const { rest } = useApp()
  const [lists, setLists] = useState<Lists | null>(null)
  const [error, setError] = useState<string | null>(null)
  useTitle(t('home.title'))
  const load = useCallback(async () => {
    try {
      const [open, past] = await Promise.all([rest.openLectures(), rest.pastLectures()])
      setLists({ open, past })
      setError(null)
    } catch (raw) {
      setError(t(errorKey(toError(raw))))
    }
  }, [rest, t])
  useEffect(() => {
    const first = setTimeout(() => void load(), 0)
    return () => { clearTimeout(first) }
  }, [load])
  return (
    <Frame>
      <div className="stack" data-testid="home">
        <h1>{t('home.title')}</h1>
        <Create onCreated={() => void load()} />
        {error && (
          <div className="notice error row" role="alert">
            {error} <button className="small" onClick={() => void load()}>{t('app.retry')}</button>
          </div>
        )}
        {!lists && !error && <Loading small />}
        {lists && (
          <>
            <h2>{t('home.open')}</h2>
            {lists.open.length === 0 && <p className="soft" data-testid="open-empty">{t('home.open.empty')}</p>}
            <ul className="cards">{lists.open.map((lecture) => <OpenCard key={lecture.id} lecture={lecture} />)}</ul>
            <h2>{t('home.past')}</h2>
            {lists.past.length === 0 && <p className="soft" data-testid="past-empty">{t('home.past.empty')}</p>}
            <ul className="cards">{lists.past.map((lecture) => <PastLecture key={lecture._id} lecture={lecture} onDeleted={() => void load()} />)}</ul>
          </>
        )}
      </div>
    </Frame>
  )
}
