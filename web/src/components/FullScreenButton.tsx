import { useSyncExternalStore } from 'react'
import { useWords } from '../i18n'

function subscribe(listener: () => void): () => void {
  document.addEventListener('fullscreenchange', listener)
  return () => { document.removeEventListener('fullscreenchange', listener) }
}

/** Shows the part of the page around it that the selector `of` finds on the whole screen; nothing where that cannot be. */
export function FullScreenButton({ of }: { of: string }) {
  const { t } = useWords()
  const shown = useSyncExternalStore(subscribe, () => document.fullscreenElement)
  // iPhones have it for their own players alone.
  if (!document.fullscreenEnabled) return null
  const isFull = shown?.matches(of) === true
  const label = t(isFull ? 'full.leave' : 'full.enter')
  return (
    <button
      className="small icon"
      data-testid="full-screen"
      aria-label={label}
      title={label}
      onClick={(event) => {
        const part = event.currentTarget.closest(of)
        const done = isFull ? document.exitFullscreen() : part?.requestFullscreen()
        // A browser that refuses leaves the page as it is.
        done?.catch(() => undefined)
      }}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
        <path d={isFull ? 'M6 1v5H1M10 1v5h5M6 15v-5H1M10 15v-5h5' : 'M1 6V1h5M15 6V1h-5M1 10v5h5M15 10v5h-5'} />
      </svg>
    </button>
  )
}
