import { useEffect, useId, useRef, useState } from 'react'
import { useWords } from '../i18n'

/** The presenter's voice: volume, mute, and a plain way out when the browser blocks sound. */
export function AudioOut({ stream }: { stream: MediaStream | null }) {
  const { t } = useWords()
  const id = useId()
  const ref = useRef<HTMLAudioElement>(null)
  const [blocked, setBlocked] = useState(false)
  const [muted, setMuted] = useState(false)
  const [volume, setVolume] = useState(1)
  const play = () => {
    ref.current?.play().then(
      () => { setBlocked(false) },
      (error: unknown) => { setBlocked(error instanceof DOMException && error.name === 'NotAllowedError') },
    )
  }
  useEffect(() => {
    if (!ref.current || ref.current.srcObject === stream) return
    ref.current.srcObject = stream
    if (stream) play()
  }, [stream])
  useEffect(() => {
    if (ref.current) ref.current.volume = volume
  }, [volume])
  return (
    <div className="volume">
      {/* Live speech: there is no caption track to name. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
      <audio ref={ref} data-testid="audio-element" autoPlay muted={muted} />
      {blocked && (
        <button className="primary small" data-testid="tap-to-hear" onClick={play}>{t('audio.blocked')}</button>
      )}
      <button className="toggle small" data-testid="mute-toggle" aria-pressed={muted} onClick={() => { setMuted(!muted) }}>
        {muted ? t('audio.unmute') : t('audio.mute')}
      </button>
      <label className="visually-hidden" htmlFor={id}>{t('audio.volume')}</label>
      <input
        id={id}
        className="hide-small"
        data-testid="volume"
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={volume}
        onChange={(event) => { setVolume(event.target.valueAsNumber) }}
      />
    </div>
  )
}
