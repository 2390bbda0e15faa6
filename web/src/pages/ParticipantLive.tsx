import { lazy, useEffect, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { clock, useAccount, useApp, useNow, useStatsHook, useStore } from '../app'
import { AskBox } from '../components/AskBox'
import { AudioOut } from '../components/AudioOut'
import { CaptionDesk, CaptionLines } from '../components/Captions'
import { ClassQuestions } from '../components/ClassQuestions'
import { ConnectionBadge } from '../components/ConnectionBadge'
import { BoardFrame } from '../components/board/BoardFrame'
import { HandButton } from '../components/HandButton'
import { OwnQuestionList } from '../components/OwnQuestionList'
import { RecordingBadge } from '../components/RecordingBadge'
import { RecordingNotice } from '../components/RecordingNotice'
import type { Quality } from '../components/quality'
import { QualityPicker, Stage } from '../components/Stage'
import { Tabs } from '../components/Tabs'
import { Voices } from '../components/Voices'
import { errorKey, useWords } from '../i18n'
import { Participant } from '../sdk'
import type { LectureCard, OwnQuestion, ParticipantState, Recording } from '../sdk'
import { Message } from './Message'

const ParticipantBoard = lazy(() => import('../components/board/ParticipantBoard'))

interface Props {
  code: string
  card: LectureCard
  questions: OwnQuestion[]
  keepQuestions: (list: OwnQuestion[]) => void
  onAgain: () => void
}

type Part = 'board' | 'video' | 'questions'

function Away({ deadline }: { deadline: string | null }) {
  const { t } = useWords()
  const now = useNow()
  const end = Date.parse(deadline ?? '')
  const text = Number.isNaN(end) ? t('away.banner.plain') : t('away.banner', { left: clock(end - now) })
  // The countdown is for the eyes: a screen reader hears the sentence once.
  return (
    <p className="notice warn" data-testid="away-banner">
      <span className="visually-hidden">{t('away.banner.plain')}</span>
      <span aria-hidden="true">{text}</span>
    </p>
  )
}

function Banners({ state, recording }: { state: ParticipantState; recording: Recording }) {
  const { t } = useWords()
  const mediaLost = state.connection === 'online' && state.media === 'reconnecting'
  return (
    <div className="banners" aria-live="polite">
      <RecordingNotice recording={recording} />
      {!state.presenterPresent && <Away deadline={state.deadline} />}
      {state.connection === 'reconnecting' && (
        <p className="notice warn" data-testid="reconnecting-banner">{t('reconnecting.banner')}</p>
      )}
      {mediaLost && state.presenterPresent && (
        <p className="notice warn" data-testid="media-banner">{t('media.banner')}</p>
      )}
    </div>
  )
}

/** Everything that is not the lecture itself: on the way in, waiting, over, refused. */
function Outside({ state, card, onAgain }: { state: ParticipantState; card: LectureCard; onAgain: () => void }) {
  const { t } = useWords()
  const { session } = useApp()
  const account = useAccount()
  const title = t('join.title', { title: card.title })
  if (state.phase === 'connecting') {
    return <Message testId="join-connecting" busy title={title} text={t('join.connecting')} />
  }
  if (state.phase === 'waiting') {
    return <Message testId="join-waiting" busy title={t('join.waiting')} text={t('join.waiting.text')} />
  }
  if (state.phase === 'ended') {
    return (
      <Message testId="ended" title={t('ended.title')} text={account ? `${t('ended.text')} ${t('ended.record')}` : t('ended.text')}>
        <Link className="button primary" to={account ? '/home' : '/'}>{t(account ? 'home.title' : 'app.home')}</Link>
      </Message>
    )
  }
  if (state.phase === 'removed') {
    return (
      <Message testId="removed" title={t('removed.title')} text={t('removed.text')}>
        <Link className="button primary" to="/">{t('app.home')}</Link>
      </Message>
    )
  }
  const code = state.error?.code ?? 'internal'
  return (
    <Message testId="refused" title={t(errorKey({ code }))}>
      <button className="primary" onClick={onAgain}>{t('app.retry')}</button>
      {code === 'unauthorized' && (
        <button onClick={() => { session.signOut(); onAgain() }}>{t('join.guest')}</button>
      )}
      <Link className="button" to="/join">{t('join.another')}</Link>
    </Message>
  )
}

export function ParticipantLive({ code, card, questions, keepQuestions, onAgain }: Props) {
  const { t } = useWords()
  const { session } = useApp()
  const account = useAccount()
  const navigate = useNavigate()
  const [participant] = useState(() => new Participant({ code, token: session.token, questions, keepQuestions }))
  const [part, setPart] = useState<Part>('board')
  const [quality, setQuality] = useState<Quality>('best')
  const state = useStore(participant.state)
  const own = useStore(participant.questions.state)
  const { assistant } = useStore(participant.forum.state)
  useStatsHook(participant.peer)

  useEffect(() => {
    participant.start()
    return () => { participant.close() }
  }, [participant])

  if (state.phase !== 'live') return <Outside state={state} card={card} onAgain={onAgain} />
  const picture = state.sources.screen ? 'screen' : state.sources.camera ? 'camera' : 'none'
  const tabs = [
    { id: 'board' as const, label: t('board.title') },
    { id: 'video' as const, label: t('video.title') },
    { id: 'questions' as const, label: t('questions.title') },
  ]
  const leave = () => {
    void participant.leave()
    void navigate(account ? '/home' : '/')
  }
  return (
    <div className="live" data-testid="participant-live">
      <header>
        <h1>{card.title}</h1>
        <span className="soft hide-small">{t('join.by', { name: card.presenter.username })}</span>
        {!account && <span className="badge hide-small">{t('join.asguest')}</span>}
        <RecordingBadge recording={participant.recording} />
        <ConnectionBadge connection={state.connection} media={state.media} />
        <div className="attend-tools">
          <AudioOut stream={state.streams?.microphone ?? null} />
          <QualityPicker quality={quality} onPick={setQuality} />
          <HandButton floor={participant.floor} />
          <button className="small" data-testid="leave-lecture" onClick={leave}>{t('join.leave')}</button>
        </div>
      </header>
      <Banners state={state} recording={participant.recording} />
      <Voices floor={participant.floor} quality={quality} />
      <CaptionLines captions={participant.captions} />
      <Tabs tabs={tabs} shown={part} onShow={setPart} />
      <main className="live-body" data-picture={picture}>
        <section id="part-board" data-shown={part === 'board'} aria-label={t('board.title')}>
          <BoardFrame ready viewing>
            <ParticipantBoard participant={participant} />
          </BoardFrame>
        </section>
        <section id="part-video" data-shown={part === 'video'} aria-label={t('video.title')}>
          <Stage sources={state.sources} streams={state.streams} participant={participant} quality={quality} />
        </section>
        <section id="part-questions" className="side" data-shown={part === 'questions'} aria-label={t('questions.title')}>
          {assistant && <CaptionDesk captions={participant.captions} />}
          <ClassQuestions forum={participant.forum} />
          <details className="own" open={own.list.some(({ state }) => state === 'pending' || state === 'failed')} data-testid="own-questions">
            <summary>{t('ask.own')} <span className="badge">{own.list.length}</span></summary>
            <OwnQuestionList list={own.list} onAgain={(id) => { participant.questions.again(id) }} />
          </details>
          <AskBox onAsk={(text, anonymous) => participant.questions.ask(text, anonymous)} />
        </section>
      </main>
    </div>
  )
}
