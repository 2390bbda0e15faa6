import { useState } from 'react'
import { clock, useStore } from '../app'
import { useWords } from '../i18n'
import type { Key } from '../i18n'
import type { Replay } from '../sdk/replay/replay'
import type { Stay, Summary } from '../sdk/replay/archive'
import { currentChapter } from '../sdk/replay/words'
import { usePlayed } from './replayed'

type List = 'questions' | 'chapters' | 'captions' | 'people'
const LABELS: Record<List, Key> = {
  questions: 'questions.title', chapters: 'replay.chapters', captions: 'replay.captions', people: 'replay.people',
}

/** Questions, chapters and what was said, each a way to its moment; the presenter's also says who was there. */
export function ReplayLists({ replay, summary }: { replay: Replay; summary: Summary }) {
  const { t } = useWords()
  const { questions, chapters, captions, stays } = useStore(replay.state)
  const [shown, setShown] = useState<List>('questions')
  const marked = chapters.filter(({ title }) => title !== null)
  const counts: Record<List, number> = {
    questions: questions.length, chapters: marked.length, captions: captions.length, people: new Set(stays.map(({ memberId }) => memberId)).size,
  }
  const lists: List[] = ['questions', 'chapters', 'captions', ...(summary.is_owner ? ['people' as const] : [])]
  return (
    <>
      <div className="replay-tabs row" role="group" aria-label={t('replay.lists')}>
        {lists.map((list) => (
          <button key={list} className="toggle small" aria-pressed={shown === list} data-testid={`list-${list}`} onClick={() => { setShown(list) }}>
            {t(LABELS[list])} <span className="soft">{counts[list]}</span>
          </button>
        ))}
      </div>
      <div className="scroll">
        {counts[shown] === 0 && <p className="soft" data-testid="list-empty">{t('replay.list.empty')}</p>}
        {shown === 'questions' && questions.map((one) => (
          <Moment key={one.seq} replay={replay} at={one.at} testId="replay-question">
            <span>{one.erased ? t('replay.erased') : one.content}</span>
            <span className="hint">
              {one.anonymous && !one.name ? t('replay.anonymous') : one.name}
              {one.votes > 0 && ` · ${t('replay.votes', { count: one.votes })}`}
              {one.solvedAt !== null && ` · ${t('replay.solved', { at: clock(one.solvedAt) })}`}
            </span>
            {one.answer && <span className="answer">{one.answer.content}</span>}
          </Moment>
        ))}
        {shown === 'chapters' && <Chapters replay={replay} />}
        {shown === 'captions' && captions.map((one) => (
          <Moment key={one.number} replay={replay} at={one.start} end={one.end} testId="replay-caption">
            <span>{one.text}</span>
          </Moment>
        ))}
        {shown === 'people' && <People stays={stays} duration={summary.duration} />}
      </div>
    </>
  )
}

function Chapters({ replay }: { replay: Replay }) {
  const { chapters } = useStore(replay.state)
  const current = usePlayed(replay, ({ at }) => currentChapter(chapters, at)?.seq ?? -1)
  return chapters.flatMap(({ seq, at, title }) =>
    title === null ? [] : [
      <Moment key={seq} replay={replay} at={at} current={seq === current} testId="replay-chapter"><span>{title}</span></Moment>,
    ])
}

interface MomentProps {
  replay: Replay
  at: number
  end?: number
  current?: boolean
  testId: string
  children: React.ReactNode
}

function Moment({ replay, at, end, current = false, testId, children }: MomentProps) {
  const within = usePlayed(replay, (play) => end !== undefined && at <= play.at && play.at < end)
  return (
    <button className="moment" data-testid={testId} data-at={at} aria-current={current || within} onClick={() => { replay.seek(at) }}>
      <span className="moment-at">{clock(at)}</span>
      <span className="moment-body">{children}</span>
    </button>
  )
}

/** Who was there: a row for each person, however often they came back. */
function People({ stays, duration }: { stays: Stay[]; duration: number }) {
  const { t } = useWords()
  const people = new Map<string, { name: string; joined: number; left: number; there: number }>()
  for (const { memberId, name, joinedAt, leftAt } of stays) {
    const until = leftAt ?? duration
    const known = people.get(memberId)
    const there = Math.max(0, until - joinedAt)
    if (known) Object.assign(known, { joined: Math.min(known.joined, joinedAt), left: Math.max(known.left, until), there: known.there + there })
    else people.set(memberId, { name, joined: joinedAt, left: until, there })
  }
  return (
    <div className="scroll-x">
      <table data-testid="replay-people">
        <thead><tr><th>{t('replay.people.name')}</th><th>{t('replay.people.from')}</th><th>{t('replay.people.to')}</th></tr></thead>
        <tbody>
          {[...people].map(([id, { name, joined, left }]) => (
            <tr key={id}><td>{name}</td><td>{clock(joined)}</td><td>{clock(left)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
