import { useEffect, useRef } from 'react'
import { useWords } from '../i18n'

/** How loud the microphone is, 20 times a second. */
export function LevelMeter({ track }: { track: MediaStreamTrack | null }) {
  const { t } = useWords()
  const bar = useRef<HTMLDivElement>(null)
  const meter = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!track) return
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 512
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
      // −60 dB is empty, 0 dB is full.
      const level = power > 0 ? Math.min(1, Math.max(0, 1 + (10 * Math.log10(power)) / 60)) : 0
      if (bar.current) bar.current.style.transform = `scaleX(${level.toFixed(3)})`
      meter.current?.setAttribute('aria-valuenow', String(Math.round(level * 100)))
    }, 50)
    return () => {
      clearInterval(timer)
      void context.close()
    }
  }, [track])
  return (
    <div
      ref={meter}
      className="meter"
      role="meter"
      aria-label={t('lobby.level')}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-testid="mic-level"
    >
      <div ref={bar} style={{ transform: 'scaleX(0)' }} />
    </div>
  )
}
