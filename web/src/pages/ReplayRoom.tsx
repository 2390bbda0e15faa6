import { lazy, useState } from 'react'
import { Link } from 'react-router'
import { useStore } from '../app'
import { BoardFrame } from '../components/board/BoardFrame'
import { Tabs } from '../components/Tabs'
import { useWords } from '../i18n'
import { captionsAt } from '../sdk/replay/words'
import type { Replay } from '../sdk/replay/replay'
import type { Summary } from '../sdk/replay/archive'
import { picturesAt } from '../sdk/replay/players'
import { ReplayExports } from './ReplayExports'
import { ReplayLists } from './ReplayLists'
import { ReplayBar } from './ReplayBar'
import { ReplayNotices } from './ReplayNotices'
import { Pictures, Sounds } from './ReplayMedia'
import type { Volume } from './ReplayMedia'
import { usePlayed } from './replayed'
import { useReplayKeys } from './replayKeys'

const ReplayBoard = lazy(() => import('./ReplayBoard'))

type Part = 'board' | 'video' | 'questions'

/** The board, the pictures, the lists and the bar of one lecture's replay. */
export function ReplayRoom({ replay, summary }: { replay: Replay; summary: Summary }) {
  const { t, lang } = useWords()
  const { recording } = useStore(replay.state)
  const [part, setPart] = useState<Part>('board')
  const [volume, setVolume] = useState<Volume>({ level: 1, muted: false })
  const [captions, setCaptions] = useState(true)
  const [exporting, setExporting] = useState(false)
  const files = recording?.files ?? []
  const shown = usePlayed(replay, ({ at }) => picturesAt(files, at).map(({ name }) => name).join('/'))
  const picture = shown.includes('screen') ? 'screen' : shown ? 'camera' : 'none'
  useReplayKeys(replay, {
    mute: () => { setVolume((now) => ({ ...now, muted: !now.muted })) },
    louder: (by) => { setVolume((now) => ({ muted: false, level: Math.min(1, Math.max(0, now.level + by)) })) },
    captions: () => { setCaptions((now) => !now) },
  })
  const tabs = [
    { id: 'board' as const, label: t('board.title') },
    ...(files.some(({ kind }) => kind === 'video') ? [{ id: 'video' as const, label: t('video.title') }] : []),
    { id: 'questions' as const, label: t('replay.lists') },
  ]
  return (
    <div className="live replay" data-testid="replay" data-state={summary.state}>
      <header>
        <Link className="button quiet small" to="/home" aria-label={t('replay.home')} data-testid="replay-home">←</Link>
        <h1 data-testid="replay-title">{summary.title || t('home.untitled')}</h1>
        <span className="soft hide-small">
          {t('home.past.by', { name: summary.presenter.username })}
          {summary.started_at && ` · ${new Date(summary.started_at).toLocaleString(lang, { dateStyle: 'medium', timeStyle: 'short' })}`}
        </span>
        <button className="small" data-testid="replay-export" onClick={() => { setExporting(true) }}>{t('replay.export')}</button>
      </header>
      <ReplayNotices replay={replay} summary={summary} />
      <Tabs tabs={tabs} shown={part} onShow={setPart} />
      <main className="live-body" data-picture={picture}>
        <section id="part-board" data-shown={part === 'board'} aria-label={t('board.title')}>
          <BoardFrame ready viewing>
            <ReplayBoard replay={replay} />
          </BoardFrame>
        </section>
        <section id="part-video" data-shown={part === 'video'} aria-label={t('video.title')}>
          <Pictures replay={replay} files={files} />
        </section>
        <section id="part-questions" className="side" data-shown={part === 'questions'} aria-label={t('replay.lists')}>
          <ReplayLists replay={replay} summary={summary} />
        </section>
      </main>
      {captions && <Said replay={replay} />}
      <Sounds replay={replay} files={files} volume={volume} />
      <ReplayBar replay={replay} volume={volume} onVolume={setVolume} captions={captions} onCaptions={setCaptions} />
      {exporting && <ReplayExports replay={replay} summary={summary} onClose={() => { setExporting(false) }} />}
    </div>
  )
}

/** What is said at this moment, in writing. */
function Said({ replay }: { replay: Replay }) {
  const { t } = useWords()
  const { captions } = useStore(replay.state)
  const said = usePlayed(replay, ({ at }) => captionsAt(captions, at).map(({ text }) => text).join('\n'))
  if (captions.length === 0) return null
  return (
    <div className="replay-captions" aria-label={t('captions.title')} data-testid="replay-captions">
      {said && said.split('\n').map((line, n) => <p key={n}>{line}</p>)}
    </div>
  )
}
