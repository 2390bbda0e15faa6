import { useState } from 'react'
import { clock, useStore } from '../app'
import { useWords } from '../i18n'
import { RATES } from '../sdk/replay/clock'
import { currentChapter, timelineMarks } from '../sdk/replay/words'
import type { Replay } from '../sdk/replay/replay'
import type { Volume } from './ReplayMedia'
import { usePlayed } from './replayed'

interface Props {
  replay: Replay
  volume: Volume
  onVolume: (volume: Volume) => void
  captions: boolean
  onCaptions: (on: boolean) => void
}

/** The timeline with its marks, and what plays, skips, speeds up and turns down. */
export function ReplayBar({ replay, volume, onVolume, captions, onCaptions }: Props) {
  const { t } = useWords()
  const { playing, rate, buffering } = useStore(replay.play)
  const { captions: lines } = useStore(replay.state)
  return (
    <footer className="replay-bar" data-testid="replay-bar" data-playing={playing} data-buffering={buffering}>
      <Timeline replay={replay} />
      <div className="row">
        <button className="primary" data-testid="replay-play" onClick={() => { replay.toggle() }}>
          {playing ? t('replay.pause') : t('replay.play')}
        </button>
        <button className="small" aria-label={t('replay.back')} title={t('replay.back')} onClick={() => { replay.skip(-10_000) }}>−10 s</button>
        <button className="small" aria-label={t('replay.forth')} title={t('replay.forth')} onClick={() => { replay.skip(10_000) }}>+10 s</button>
        <Position replay={replay} />
        {buffering && <span className="badge" role="status" data-testid="replay-buffering">{t('replay.buffering')}</span>}
        <span className="grow" />
        {lines.length > 0 && (
          <button className="toggle small" aria-pressed={captions} data-testid="replay-captions-toggle" onClick={() => { onCaptions(!captions) }}>
            {t('replay.captions')}
          </button>
        )}
        <label className="row nowrap">
          <span className="visually-hidden">{t('replay.speed')}</span>
          <select data-testid="replay-speed" value={rate} onChange={(event) => { replay.setRate(Number(event.target.value)) }}>
            {RATES.map((one) => <option key={one} value={one}>{one}×</option>)}
          </select>
        </label>
        <button className="toggle small" aria-pressed={volume.muted} data-testid="replay-mute" onClick={() => { onVolume({ ...volume, muted: !volume.muted }) }}>
          {volume.muted ? t('replay.unmute') : t('replay.mute')}
        </button>
        <label className="volume hide-small">
          <span className="visually-hidden">{t('replay.volume')}</span>
          <input type="range" min={0} max={1} step={0.05} value={volume.muted ? 0 : volume.level}
            onChange={(event) => { onVolume({ muted: false, level: Number(event.target.value) }) }} />
        </label>
      </div>
    </footer>
  )
}

function Position({ replay }: { replay: Replay }) {
  const { t } = useWords()
  const { chapters } = useStore(replay.state)
  const second = usePlayed(replay, ({ at }) => Math.floor(at / 1000))
  const duration = usePlayed(replay, ({ duration }) => duration)
  const chapter = currentChapter(chapters, second * 1000 + 999)
  return (
    <span className="nowrap" data-testid="replay-position" aria-label={t('replay.position')}>
      {clock(second * 1000)} / {clock(duration)}
      {chapter?.title && <span className="soft hide-small"> · {chapter.title}</span>}
    </span>
  )
}

/** Where in the lecture; chapters and questions are marks on it (the lists have the same, for the keyboard). */
function Timeline({ replay }: { replay: Replay }) {
  const { t } = useWords()
  const { questions, chapters } = useStore(replay.state)
  const { at, duration } = useStore(replay.play)
  const [over, setOver] = useState<{ x: number; t: number } | null>(null)
  const marks = timelineMarks(questions, chapters, duration)
  // Half of the thumb, which never leaves the bar, is beyond both ends.
  const share = (ms: number) => `calc(8px + (100% - 16px) * ${String(duration > 0 ? ms / duration : 0)})`
  return (
    <div
      className="timeline"
      onPointerMove={(event) => {
        const box = event.currentTarget.getBoundingClientRect()
        const x = Math.min(1, Math.max(0, (event.clientX - box.left) / Math.max(1, box.width)))
        setOver({ x, t: x * duration })
      }}
      onPointerLeave={() => { setOver(null) }}
    >
      <input
        type="range" min={0} max={Math.max(1, duration)} step={1} value={at} data-testid="replay-seek"
        aria-label={t('replay.seek')} aria-valuetext={`${clock(at)} / ${clock(duration)}`}
        onChange={(event) => { replay.seek(Number(event.target.value)) }}
      />
      {marks.map((mark) => (
        <button
          key={`${mark.kind}${String(mark.at)}`} className="mark" data-kind={mark.kind} data-testid={`mark-${mark.kind}`}
          style={{ left: share(mark.at) }} tabIndex={-1}
          aria-label={t(mark.kind === 'chapter' ? 'replay.mark.chapter' : 'replay.mark.question', { text: mark.text })}
          title={`${clock(mark.at)} ${mark.text}${mark.count > 1 ? ` (+${String(mark.count - 1)})` : ''}`}
          onClick={() => { replay.seek(mark.at) }}
        />
      ))}
      {over && duration > 0 && <span className="timeline-over" style={{ left: `${String(over.x * 100)}%` }}>{clock(over.t)}</span>}
    </div>
  )
}
