import { useState } from 'react'
import type { FormEvent } from 'react'
import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import { MAX_CAPTION, MAX_CHAPTER } from '../sdk'
import type { Captions } from '../sdk'

/** What was said last, in writing. */
export function CaptionLines({ captions }: { captions: Captions }) {
  const { lines } = useStore(captions.state)
  const { t } = useWords()
  return (
    <div className="captions" role="log" aria-label={t('captions.title')} data-testid="captions">
      {lines.map((line) => <p key={line.id}>{line.text}</p>)}
    </div>
  )
}

interface LineProps {
  captions: Captions
  /** The presenter may also mark chapters. */
  chapters?: boolean
}

/** Where the staff types captions; the presenter also marks chapters. */
export function CaptionDesk({ captions, chapters = false }: LineProps) {
  const { t } = useWords()
  const { problem } = useStore(captions.state)
  return (
    <details className="caption-desk" data-testid="caption-desk">
      <summary>{t(chapters ? 'captions.desk.chapters' : 'captions.desk')}</summary>
      <Line
        testId="caption" label={t('captions.type')} send={t('captions.send')} max={MAX_CAPTION}
        onTyping={(text) => { captions.typing(text) }} onSend={(text) => captions.say(text)}
      />
      {chapters && (
        <Line
          testId="chapter" label={t('captions.chapter')} send={t('captions.chapter.mark')} max={MAX_CHAPTER}
          onSend={(text) => captions.chapter(text)}
        />
      )}
      {problem && <p className="notice error" role="alert">{t(errorKey(problem))}</p>}
    </details>
  )
}

interface InputProps {
  testId: string
  label: string
  send: string
  max: number
  onTyping?: (text: string) => void
  onSend: (text: string) => Promise<boolean>
}

function Line({ testId, label, send, max, onTyping, onSend }: InputProps) {
  const [text, setText] = useState('')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const line = text.trim()
    if (!line) return
    setText('')
    // What was refused comes back, unless the next line has been begun.
    if (!(await onSend(line))) setText((now) => now || line)
  }
  return (
    <form className="row" onSubmit={(event) => void submit(event)}>
      <input
        className="grow" aria-label={label} placeholder={label} maxLength={max} value={text}
        autoComplete="off" data-testid={`${testId}-input`}
        onChange={(event) => {
          setText(event.target.value)
          onTyping?.(event.target.value)
        }}
      />
      <button className="small" type="submit" disabled={!text.trim()} data-testid={`${testId}-send`}>{send}</button>
    </form>
  )
}
