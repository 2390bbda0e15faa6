import { lazy, useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'
import { useApp, useStatsHook, useStore } from '../app'
import { BoardFrame } from '../components/board/BoardFrame'
import { CaptionDesk, CaptionLines } from '../components/Captions'
import { FloorPanel } from '../components/FloorPanel'
import { PeoplePanel } from '../components/PeoplePanel'
import { QuestionList } from '../components/QuestionList'
import { RecordingTrouble } from '../components/RecordButton'
import { Tabs } from '../components/Tabs'
import { Voices } from '../components/Voices'
import { errorKey, useWords } from '../i18n'
import { Presenter } from '../sdk'
import type { LectureCard, LocalMedia, PresenterState, Recording, Source } from '../sdk'
import { Message } from './Message'
import { PresenterBar } from './PresenterBar'
import { PresenterControls } from './PresenterControls'

const PresenterBoard = lazy(() => import('../components/board/PresenterBoard'))
const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen']

interface Props {
  code: string
  card: LectureCard
  media: LocalMedia
  /** The screen was shared before a reload: only a person's click can share it again. */
  hadScreen: boolean
  onOver: () => void
  onTakeOver: () => void
}

/** What the devices give is what is sent, and the room is told what is on. */
function useSending(presenter: Presenter, media: LocalMedia) {
  useEffect(() => {
    const sent: Partial<Record<Source, MediaStreamTrack | null>> = {}
    const sync = () => {
      const { tracks, on } = media.state.get()
      for (const source of SOURCES) {
        if (sent[source] === tracks[source]) continue
        sent[source] = tracks[source]
        void presenter.setTrack(source, tracks[source])
      }
      presenter.setSources(on)
    }
    sync()
    return media.state.subscribe(sync)
  }, [presenter, media])
}

interface BannersProps {
  state: PresenterState
  hadScreen: boolean
  media: LocalMedia
  recording: Recording
}

function Banners({ state, hadScreen, media, recording }: BannersProps) {
  const { t } = useWords()
  const { on } = useStore(media.state)
  const [resuming, setResuming] = useState(hadScreen)
  const mediaLost = state.connection === 'online' && state.media === 'reconnecting'
  return (
    <div className="banners" aria-live="polite">
      <RecordingTrouble recording={recording} />
      {state.connection === 'reconnecting' && (
        <p className="notice warn" data-testid="reconnecting-banner">{t('reconnecting.banner')}</p>
      )}
      {mediaLost && <p className="notice warn" data-testid="media-banner">{t('media.banner')}</p>}
      {state.program && <p className="notice" data-testid="program-banner">{t('program.live')}</p>}
      {state.boardProblem && (
        <p className="notice error" data-testid="board-problem">
          {t(state.boardProblem === 'board_too_large' || state.boardProblem === 'too_large'
            ? 'board.toobig' : errorKey({ code: state.boardProblem }))}
        </p>
      )}
      {state.restored?.decoded.kind === 'foreign' && (
        <p className="notice warn" data-testid="board-foreign">{t('board.foreign.presenter')}</p>
      )}
      {resuming && !on.screen && (
        <p className="notice" data-testid="screen-resume">
          {t('live.screen.resume')}
          <button className="small" onClick={() => void media.start('screen')}>{t('live.screen.off')}</button>
          <button className="small quiet" onClick={() => { setResuming(false) }}>{t('app.close')}</button>
        </p>
      )}
    </div>
  )
}

function Over({ state, onTakeOver }: { state: PresenterState; onTakeOver: () => void }) {
  const { t } = useWords()
  if (state.phase === 'displaced') {
    return (
      <Message testId="displaced" title={t('live.displaced')} text={t('live.displaced.text')}>
        <button className="primary" data-testid="take-over" onClick={onTakeOver}>{t('live.takeover')}</button>
        <Link className="button" to="/home">{t('app.home')}</Link>
      </Message>
    )
  }
  if (state.phase === 'ended') {
    return (
      <Message testId="ended" title={t('ended.title')} text={t('ended.record')}>
        <Link className="button primary" to="/home">{t('home.title')}</Link>
      </Message>
    )
  }
  return (
    <Message testId="refused" title={t(errorKey(state.error ?? { code: 'internal' }))}>
      <button className="primary" onClick={onTakeOver}>{t('app.retry')}</button>
      <Link className="button" to="/home">{t('app.home')}</Link>
    </Message>
  )
}

export function PresenterLive({ code, card, media, hadScreen, onOver, onTakeOver }: Props) {
  const { t } = useWords()
  const { session } = useApp()
  const [presenter] = useState(() => new Presenter({ code, token: session.token }))
  const [part, setPart] = useState<'board' | 'questions'>('board')
  const state = useStore(presenter.state)
  const desk = useStore(presenter.questions.state)
  const { hands } = useStore(presenter.floor.state)
  const over = state.phase !== 'starting' && state.phase !== 'live'
  const spoke = useRef(false)
  useSending(presenter, media)
  useStatsHook(presenter.peer)

  useEffect(() => {
    void presenter.start()
    return () => { presenter.close() }
  }, [presenter])
  useEffect(() => {
    if (state.phase === 'ended') onOver()
    else if (state.phase === 'displaced') {
      spoke.current = media.state.get().on.microphone
      media.stop('microphone')
    }
    // `onOver` is a new function at every render of the page; the phase is what counts.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [state.phase])

  const takeOver = () => {
    // Whoever presents here again speaks here again.
    if (spoke.current) void media.start('microphone')
    onTakeOver()
  }
  if (over) return <Over state={state} onTakeOver={takeOver} />
  const tabs = [
    { id: 'board' as const, label: t('board.title') },
    {
      id: 'questions' as const,
      label: `${t('questions.title')} (${String(desk.questions.length)})${hands.length > 0 ? ` ✋ ${String(hands.length)}` : ''}`,
    },
  ]
  return (
    <div className="live" data-testid="presenter-live" data-phase={state.phase}>
      <PresenterBar code={code} title={card.title} presenter={presenter} />
      <Banners state={state} hadScreen={hadScreen} media={media} recording={presenter.recording} />
      <CaptionLines captions={presenter.captions} />
      <Tabs tabs={tabs} shown={part} onShow={setPart} />
      <main className="live-body">
        <section id="part-board" data-shown={part === 'board'} aria-label={t('board.title')}>
          <BoardFrame ready={state.restored !== null}>
            {state.restored && <PresenterBoard presenter={presenter} restored={state.restored} />}
          </BoardFrame>
        </section>
        <section id="part-questions" className="side" data-shown={part === 'questions'} aria-label={t('questions.title')}>
          <FloorPanel floor={presenter.floor} />
          <Voices floor={presenter.floor} />
          <CaptionDesk captions={presenter.captions} chapters />
          <QuestionList
            questions={desk.questions}
            solving={desk.solving}
            solvedCount={desk.solvedCount}
            forum={presenter.forum}
            onSolve={(id) => void presenter.questions.solve(id)}
          />
          <PeoplePanel people={presenter.people} />
        </section>
      </main>
      <PresenterControls media={media} recording={presenter.recording} />
    </div>
  )
}
