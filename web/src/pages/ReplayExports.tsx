import { useEffect, useState } from 'react'
import { clock, useStore } from '../app'
import { Dialog } from '../components/Dialog'
import { errorKey, useWords } from '../i18n'
import type { Key } from '../i18n'
import { LecternError, toError } from '../sdk'
import { sheetsOf } from '../sdk/replay/content'
import type { Sheet } from '../sdk/replay/content'
import { ExportJob, fileName, saveFile } from '../sdk/replay/exports'
import { isMade } from '../sdk/replay/archive'
import type { RecordingFile, Summary } from '../sdk/replay/archive'
import { BoardFold } from '../sdk/replay/fold'
import type { Replay } from '../sdk/replay/replay'
import { useLeft } from './replayLeft'

interface Props {
  replay: Replay
  summary: Summary
  onClose: () => void
}

/** Everything of a lecture that can be taken home. */
export function ReplayExports({ replay, summary, onClose }: Props) {
  const { t } = useWords()
  const { recording, questions, captions } = useStore(replay.state)
  const [job] = useState(() => new ExportJob(saveFile))
  useEffect(() => () => { job.cancel() }, [job])
  const fetched = (what: string) => {
    void job.run(fileName(summary.title, what.replace('export/', '')), (report, signal) => replay.archive.file(what, signal, report))
  }
  const files = recording?.files ?? []
  return (
    <Dialog title={t('replay.export.title')} testId="replay-exports" onClose={onClose}>
      <Progress job={job} />
      <section className="export-list">
        <h3>{t('replay.export.recording')}</h3>
        {files.length === 0 && <p className="soft">{t(isMade(recording) ? 'replay.norecording' : 'replay.recording.making')}</p>}
        {files.map((file) => <FileLink key={file.name} replay={replay} file={file} title={summary.title} />)}
      </section>
      <BoardExport replay={replay} summary={summary} job={job} />
      <section className="export-list">
        <h3>{t('replay.export.questions')}</h3>
        {questions.length === 0 ? <p className="soft">{t('replay.export.nothing')}</p> : (
          <div className="row">
            <button className="small" data-testid="export-csv" onClick={() => { fetched('export/questions.csv') }}>CSV</button>
            <button className="small" data-testid="export-json" onClick={() => { fetched('export/questions.json') }}>JSON</button>
          </div>
        )}
      </section>
      <section className="export-list">
        <h3>{t('replay.export.captions')}</h3>
        {captions.length === 0 ? <p className="soft">{t('replay.export.nothing')}</p> : (
          <div className="row">
            <button className="small" data-testid="export-vtt" onClick={() => { fetched('captions.vtt') }}>WebVTT</button>
          </div>
        )}
      </section>
      <div className="row"><button className="quiet" data-testid="export-close" onClick={onClose}>{t('replay.export.close')}</button></div>
    </Dialog>
  )
}

const KINDS: Record<string, Key> = { camera: 'replay.export.camera', screen: 'replay.export.screen' }

function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${String(Math.ceil(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

function FileLink({ replay, file, title }: { replay: Replay; file: RecordingFile; title: string }) {
  const { t } = useWords()
  const who = file.publisher === 'presenter' ? t('replay.export.presenter') : file.publisher
  const key: Key = file.kind === 'mix' ? 'replay.export.mix' : file.kind === 'audio' ? 'replay.export.audio' : KINDS[file.source] ?? 'replay.export.camera'
  const form = file.name.split('.').at(-1) ?? ''
  const go = async (event: React.MouseEvent<HTMLAnchorElement>) => {
    if (replay.isFresh(file)) return
    event.preventDefault()
    const link = event.currentTarget
    await replay.renew()
    const fresh = replay.state.get().recording?.files.find(({ name }) => name === file.name)
    if (!fresh) return
    link.href = fresh.url
    link.click()
  }
  return (
    <a className="row" href={file.url} download={fileName(title, file.name)} data-testid="export-file" data-file={file.name} onClick={(event) => void go(event)}>
      {t(key, { name: who })} <span className="soft">{form.toUpperCase()} · {megabytes(file.bytes)}</span>
    </a>
  )
}

/** The board of a chosen moment: a page as SVG, or all of them as PDF. */
function BoardExport({ replay, summary, job }: { replay: Replay; summary: Summary; job: ExportJob }) {
  const { t } = useWords()
  const [at] = useState(() => replay.play.get().at)
  const [moment, setMoment] = useState<'now' | 'end'>('end')
  const [read, setRead] = useState<{ when: number; sheets: Sheet[] | LecternError } | null>(null)
  const [tries, setTries] = useState(0)
  const when = moment === 'end' ? Number.MAX_SAFE_INTEGER : at
  useEffect(() => {
    const reading = new AbortController()
    const show = (sheets: Sheet[] | LecternError) => { if (!reading.signal.aborted) setRead({ when, sheets }) }
    replay.archive.boardAt(when, reading.signal).then((found) => sheetsOf(BoardFold.of(found))).then(show, (raw: unknown) => { show(toError(raw)) })
    return () => { reading.abort() }
  }, [replay, when, tries])
  const known = read?.when === when ? read.sheets : null
  const sheets = Array.isArray(known) ? known : []
  const svg = (sheet: Sheet) => {
    void job.run(fileName(summary.title, `board-${String(sheet.page + 1)}.svg`), async () => {
      const { svgOf } = await import('./replaySheets')
      return svgOf(sheet)
    })
  }
  const pdf = () => {
    void job.run(fileName(summary.title, 'board.pdf'), async (report, signal) => {
      const { pdfOf } = await import('./replaySheets')
      return pdfOf(sheets, report, signal)
    })
  }
  return (
    <section className="export-list">
      <h3>{t('replay.export.board')}</h3>
      <label className="row nowrap">
        {t('replay.export.moment')}
        <select data-testid="export-moment" value={moment} onChange={(event) => { setMoment(event.target.value as 'now' | 'end') }}>
          <option value="end">{t('replay.export.end')}</option>
          <option value="now">{clock(at)}</option>
        </select>
      </label>
      {known instanceof LecternError && (
        <p className="notice error row" role="alert">
          {t(errorKey(known))} <button className="small" onClick={() => { setTries(tries + 1) }}>{t('app.retry')}</button>
        </p>
      )}
      {Array.isArray(known) && sheets.length === 0 && <p className="soft" data-testid="export-noboard">{t('replay.export.noboard')}</p>}
      <div className="row">
        {sheets.map((sheet) => (
          <button key={sheet.page} className="small" data-testid="export-svg" onClick={() => { svg(sheet) }}>{t('replay.export.page', { page: sheet.page + 1 })}</button>
        ))}
        {sheets.length > 0 && <button className="small" data-testid="export-pdf" onClick={pdf}>{t('replay.export.pdf')}</button>}
      </div>
    </section>
  )
}

/** How far the file is that is being made. */
function Progress({ job }: { job: ExportJob }) {
  const { t } = useWords()
  const left = useLeft()
  const { state, name, percent, secondsLeft, error } = useStore(job.state)
  if (state === 'idle' || state === 'cancelled') return null
  if (state === 'done') return <p className="notice" role="status" data-testid="export-done">{t('replay.export.done', { name })}</p>
  if (state === 'failed') {
    return <p className="notice error" role="alert" data-testid="export-failed">{t('replay.export.failed', { name })} {error && t(errorKey(error))}</p>
  }
  return (
    <div className="notice row" role="status" data-testid="export-running">
      <span>{t('replay.export.working', { name })}</span>
      <progress className="grow" max={100} {...(percent !== null && { value: percent })} />
      <span>{percent !== null && `${String(percent)} %`}{left(secondsLeft)}</span>
      <button className="quiet small" data-testid="export-cancel" onClick={() => { job.cancel() }}>{t('app.cancel')}</button>
    </div>
  )
}
