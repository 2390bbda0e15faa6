import { useEffect, useState } from 'react'
import { Link, useParams } from 'react-router'
import { keep, kept, useAccount, useApp, useTitle } from '../app'
import { Loading } from '../components/Loading'
import { errorKey, useWords } from '../i18n'
import type { OwnQuestion } from '../sdk'
import { Message } from './Message'
import { NotFound } from './NotFound'
import { ParticipantLive } from './ParticipantLive'
import { useLecture } from './useLecture'

const questionsKey = (code: string) => `lectern.questions.${code}`

function AttendCode({ code }: { code: string }) {
  const { t } = useWords()
  const { rest } = useApp()
  const account = useAccount()
  const { card, error, again } = useLecture(code)
  const [questions] = useState(() => kept<OwnQuestion[]>(questionsKey(code)) ?? [])
  const [entries, setEntries] = useState(0)
  const email = account?.email
  useTitle(card?.title ?? t('landing.title'))
  useEffect(() => {
    // The audience list is for later; a lecture is heard without it.
    if (email && card) rest.attend(code).catch(() => undefined)
  }, [rest, code, email, card])

  if (error) {
    const unknown = error.code === 'not_found' || error.code === 'bad_request'
    return (
      <Message
        testId="join-error"
        title={t(unknown ? 'join.unknown' : errorKey(error))}
        {...(unknown ? { text: t('join.unknown.text') } : {})}
      >
        <Link className="button primary" to="/join">{t('join.another')}</Link>
        {!unknown && <button onClick={again}>{t('app.retry')}</button>}
      </Message>
    )
  }
  if (!card) return <Loading text={t('join.connecting')} />
  return (
    <ParticipantLive
      key={`${email ?? ''}:${String(entries)}`}
      code={code}
      card={card}
      questions={questions}
      keepQuestions={(list) => { keep(questionsKey(code), list) }}
      onAgain={() => { setEntries(entries + 1) }}
    />
  )
}

export default function Attend() {
  const { code } = useParams()
  if (!code || !/^\d{6}$/.test(code)) return <NotFound />
  return <AttendCode key={code} code={code} />
}
